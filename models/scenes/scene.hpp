// Procedural pictures for training and checking: objects of ten classes over clutter, with their boxes.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/image/geometry.hpp"
#include "engine/image/image.hpp"
#include "models/scenes/shapes.hpp"

namespace backlight::scenes {

struct SceneOptions {
  int size = 96;  ///< side of the picture in pixels, 96 to 1024
  int min_objects = 1;
  int max_objects = 1;  ///< at most 3; 0 draws the background alone
};

struct SceneObject {
  int label = 0;  ///< index into kClassNames; no two objects of a scene share one
  Box box;        ///< around every pixel that the object covers at least in part
};

struct Scene {
  Image image;
  std::vector<SceneObject> objects;
};

/// A pure function of its arguments, the same bytes on every machine. Boxes do not overlap and lie within the
/// picture. The background depends on seed, index and size alone. Colours, brightness, size and rotation are
/// drawn alike for all classes, and distractors share the objects' colours and textures: only shape and
/// texture together tell a class. Throws Error(usage) when an option is out of range.
Scene render_scene(std::uint64_t seed, std::uint64_t index, const SceneOptions& options = {});

}  // namespace backlight::scenes
