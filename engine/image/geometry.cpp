#include "engine/image/geometry.hpp"

#include <algorithm>
#include <cmath>

#include "engine/core/error.hpp"

namespace backlight {
namespace {

/// First and one-past-last pixel whose centre lies in [begin, end); the nearest pixel when there is none.
void covered(double begin, double end, int extent, std::int64_t& first, std::int64_t& last) {
  first = std::clamp<std::int64_t>(static_cast<std::int64_t>(std::ceil(begin - 0.5)), 0, extent - 1);
  last = std::clamp<std::int64_t>(static_cast<std::int64_t>(std::ceil(end - 0.5)), first + 1, extent);
}

}  // namespace

Box Placement::to_source(const Box& box) const {
  const auto x = [&](double v) { return std::clamp((v + offset_x) * scale_x, 0.0, double(source_width)); };
  const auto y = [&](double v) { return std::clamp((v + offset_y) * scale_y, 0.0, double(source_height)); };
  return {x(box.x0), y(box.y0), x(box.x1), y(box.y1)};
}

PixelRect Placement::seen() const {
  const bool valid = input_width > 0 && input_height > 0 && source_width > 0 && source_height > 0 &&
                     std::isfinite(scale_x) && std::isfinite(scale_y) && scale_x > 0 && scale_y > 0 &&
                     std::isfinite(offset_x) && std::isfinite(offset_y);
  if (!valid)
    throw Error(ErrorKind::bad_input, "a placement of ", input_width, "×", input_height, " in ", source_width,
                "×", source_height, " pixels at scale ", scale_x, "×", scale_y,
                ", expected positive sizes and scales, and finite offsets");
  PixelRect rect;
  covered(offset_x * scale_x, (input_width + offset_x) * scale_x, source_width, rect.x0, rect.x1);
  covered(offset_y * scale_y, (input_height + offset_y) * scale_y, source_height, rect.y0, rect.y1);
  return rect;
}

}  // namespace backlight
