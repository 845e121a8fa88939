#include "tools/evaluate/mask_code.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "engine/core/error.hpp"

namespace backlight::tools {
namespace {

/// Where down the columns the inside of a polygon begins and ends (rleFrPoly of pycocotools): its outline in fifths
/// of a pixel, of which those between two columns count.
void toggle_outline(const std::vector<double>& polygon, std::int64_t width, std::int64_t height,
                    std::vector<std::uint8_t>& toggles) {
  constexpr int kScale = 5;
  const std::size_t corners = polygon.size() / 2;
  if (corners < 3 || polygon.size() % 2 != 0)
    throw Error(ErrorKind::bad_input, "a polygon has ", polygon.size(),
                " numbers, expected x and y of three corners "
                "or more");
  const auto corner = [&](std::size_t i) {
    const double x = polygon[i % corners * 2], y = polygon[i % corners * 2 + 1];
    if (!(x >= -1 && y >= -1 && x <= double(width) + 1 && y <= double(height) + 1))
      throw Error(ErrorKind::bad_input, "a polygon has a corner at ", x, ", ", y, ", the picture is ", width,
                  "×", height);
    return std::pair(static_cast<int>(kScale * x + 0.5), static_cast<int>(kScale * y + 0.5));
  };
  std::vector<std::pair<int, int>> outline;
  for (std::size_t i = 0; i < corners; ++i) {
    auto [x0, y0] = corner(i);
    auto [x1, y1] = corner(i + 1);
    const int dx = std::abs(x1 - x0), dy = std::abs(y1 - y0), length = std::max(dx, dy);
    const bool flip = (dx >= dy && x0 > x1) || (dx < dy && y0 > y1);
    if (flip) std::swap(x0, x1), std::swap(y0, y1);
    const double slope = length == 0 ? 0 : dx >= dy ? double(y1 - y0) / dx : double(x1 - x0) / dy;
    for (int d = 0; d <= length; ++d) {
      const int t = flip ? length - d : d;
      if (dx >= dy)
        outline.emplace_back(t + x0, static_cast<int>(y0 + slope * t + 0.5));
      else
        outline.emplace_back(static_cast<int>(x0 + slope * t + 0.5), t + y0);
    }
  }
  for (std::size_t i = 1; i < outline.size(); ++i) {
    const auto [u0, v0] = outline[i - 1];
    const auto [u1, v1] = outline[i];
    if (u0 == u1) continue;
    const double x = ((u1 < u0 ? u1 : u1 - 1) + 0.5) / kScale - 0.5;
    if (std::floor(x) != x || x < 0 || x > double(width) - 1) continue;
    const double y = std::ceil(std::clamp((std::min(v0, v1) + 0.5) / kScale - 0.5, 0.0, double(height)));
    toggles[static_cast<std::int64_t>(x) * height + static_cast<std::int64_t>(y)] ^= 1;
  }
}

}  // namespace

std::vector<std::uint8_t> MaskCode::pixels(std::int64_t width, std::int64_t height) const {
  const std::int64_t count = width * height;
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(count));
  // Both codes say where, down one column after the other, 0 and 1 change places.
  const auto draw = [&](const std::vector<std::uint8_t>& toggles) {
    std::uint8_t inside = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      inside ^= toggles[i];
      mask[i % height * width + i / height] |= inside;
    }
  };
  std::vector<std::uint8_t> toggles(static_cast<std::size_t>(count) + 1);
  for (const std::vector<double>& polygon : polygons) {
    std::ranges::fill(toggles, std::uint8_t{0});
    toggle_outline(polygon, width, height, toggles);
    draw(toggles);
  }
  if (runs.empty()) return mask;
  std::ranges::fill(toggles, std::uint8_t{0});
  std::int64_t at = 0;
  for (const std::int64_t run : runs) {
    if (run < 0 || run > count - at)
      throw Error(ErrorKind::bad_input, "a mask's run of ", run, " pixels after ", at,
                  " does not fit a picture of ", width, "×", height);
    at += run;
    toggles[at] ^= 1;
  }
  if (at != count)
    throw Error(ErrorKind::bad_input, "a mask has ", at, " pixels, the picture of ", width, "×", height,
                " has ", count);
  draw(toggles);
  return mask;
}

std::vector<std::int64_t> runs_of(std::string_view compressed) {
  std::vector<std::int64_t> runs;
  for (std::size_t i = 0; i < compressed.size();) {
    std::int64_t run = 0;
    for (int shift = 0;; shift += 5) {
      if (i == compressed.size() || compressed[i] < '0' || compressed[i] > 'o' || shift > 30)
        throw Error(ErrorKind::bad_input, "a mask's runs are no text of COCO's at byte ", i);
      const int piece = compressed[i++] - '0';
      run |= std::int64_t{piece & 31} << shift;
      if (piece & 32) continue;
      if (piece & 16) run |= std::int64_t{-1} << (shift + 5);
      break;
    }
    if (runs.size() > 2) run += runs[runs.size() - 2];
    runs.push_back(run);
  }
  return runs;
}

}  // namespace backlight::tools
