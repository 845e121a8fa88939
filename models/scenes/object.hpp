// An object in a picture: where it is, and how it is drawn.
#pragma once

#include "engine/image/geometry.hpp"
#include "models/scenes/background.hpp"

namespace backlight::scenes {

/// The disc that a shape fills, in pixels.
struct Place {
  double x = 0, y = 0, radius = 0;
};

/// Whether the squares around two discs stay two pixels apart, hence the objects' boxes.
bool are_apart(const Place& a, const Place& b);

/// Draws a shape of kClassNames in two colours over the canvas, rotated, lit and squeezed as `draws` has it, with a 4×4
/// grid of samples a pixel. The box is around every pixel that it covers at least in part.
Box draw_object(Canvas& canvas, Draws& draws, int shape, const Rgb& first, const Rgb& second,
                const Place& place);

}  // namespace backlight::scenes
