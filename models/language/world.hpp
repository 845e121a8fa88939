// Scenes for captions and questions: the outlines, clutter and camera of models/scenes, with colours that have names,
// two sizes, repeated objects and clear spatial relations.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/image/image.hpp"
#include "models/scenes/object.hpp"
#include "models/scenes/shapes.hpp"

namespace backlight::language {

inline constexpr int kSceneSize = 96;  ///< side of a picture in pixels

/// In the order of scenes::kClassNames.
inline constexpr std::array<std::string_view, scenes::kClasses> kNouns = {
    "disc", "square", "triangle", "ring", "cross", "star", "crescent", "heart", "arrow", "hexagon"};
inline constexpr std::array<std::string_view, scenes::kClasses> kPlurals = {
    "discs", "squares",   "triangles", "rings",  "crosses",
    "stars", "crescents", "hearts",    "arrows", "hexagons"};
inline constexpr std::array<std::string_view, 6> kColours = {"red",  "yellow", "green",
                                                             "blue", "purple", "white"};
inline constexpr std::array<std::string_view, 2> kSizes = {"small", "large"};
inline constexpr std::array<std::string_view, 4> kNumbers = {"none", "one", "two", "three"};

enum class Relation : std::uint8_t { left, right, above, below };

/// What an object is: indices into kColours and kNouns.
struct Thing {
  int colour = 0, noun = 0;
  friend bool operator==(const Thing&, const Thing&) = default;
};

/// Objects of a scene: bit i stands for object i.
using ObjectSet = std::uint8_t;

/// `one` has a size. In `pair` and `triple` all nouns and colours differ and every two objects are clearly related; the
/// objects of `twins` and `triplets` have one noun and one colour.
enum class Kind : std::uint8_t { one, pair, triple, twins, triplets };

/// A scene without its pixels.
struct Layout {
  struct Object {
    Thing thing;
    scenes::Place place;
  };

  Kind kind = Kind::one;
  int size = 0;  ///< of the object of `one`: index into kSizes
  std::vector<Object> objects;

  /// Whether all things differ.
  bool distinct() const { return kind != Kind::twins && kind != Kind::triplets; }
  /// Whether the objects' relations are clear.
  bool related() const { return kind == Kind::pair || kind == Kind::triple; }
  ObjectSet all() const { return static_cast<ObjectSet>((1u << objects.size()) - 1); }
};

struct Scene {
  Layout layout;
  Image image;
  std::vector<Box>
      boxes;  ///< one per object, around every pixel that it covers at least in part; none overlap
};

/// A pure function of its arguments, the same on every machine, as all of this folder: 15 % one, 35 % pair, 25 %
/// triple, 13 % twins, 12 % triplets.
Layout lay_out(std::uint64_t seed, std::uint64_t index);

/// The layout, drawn. The background is that of models/scenes.
Scene render(std::uint64_t seed, std::uint64_t index);

/// Where `a` is as seen from `b`: along the axis on which their centres are farther apart.
Relation relation_of(const scenes::Place& a, const scenes::Place& b);

}  // namespace backlight::language
