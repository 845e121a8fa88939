#include "engine/explain/segment.hpp"

#include <algorithm>

#include "engine/image/map.hpp"

namespace backlight {

std::optional<Segment> largest_segment(const Tensor& map, double fraction, Connectivity connectivity) {
  if (!(fraction > 0 && fraction <= 1))
    throw Error(ErrorKind::usage, "the threshold is ", fraction,
                " of the maximum, expected above 0 and at most 1");
  const MapSize size = require_map(map, "largest segment");
  const auto values = map.values();
  const double maximum = *std::max_element(values.begin(), values.end());
  if (maximum <= 0) return std::nullopt;

  // 0: below the threshold, or already labelled; 1: to be visited.
  std::vector<std::uint8_t> open(values.size());
  std::transform(values.begin(), values.end(), open.begin(),
                 [&](float v) { return static_cast<std::uint8_t>(v >= fraction * maximum); });
  std::vector<std::int64_t> best, segment;
  for (std::size_t seed = 0; seed < open.size(); ++seed) {
    if (!open[seed]) continue;
    open[seed] = 0;
    segment.assign(1, static_cast<std::int64_t>(seed));
    for (std::size_t next = 0; next < segment.size(); ++next) {
      const std::int64_t y = segment[next] / size.width, x = segment[next] % size.width;
      for (std::int64_t ny = std::max<std::int64_t>(y - 1, 0); ny <= std::min(y + 1, size.height - 1); ++ny) {
        for (std::int64_t nx = std::max<std::int64_t>(x - 1, 0); nx <= std::min(x + 1, size.width - 1);
             ++nx) {
          const std::int64_t neighbour = ny * size.width + nx;
          if (!open[neighbour] || (connectivity == Connectivity::four && nx != x && ny != y)) continue;
          open[neighbour] = 0;
          segment.push_back(neighbour);
        }
      }
    }
    if (segment.size() > best.size()) best.swap(segment);
  }

  Segment result;
  result.mask.resize(values.size());
  result.pixels = static_cast<std::int64_t>(best.size());
  result.box = {double(size.width), double(size.height), 0, 0};
  for (const std::int64_t pixel : best) {
    result.mask[pixel] = 1;
    const auto x = double(pixel % size.width), y = double(pixel / size.width);
    result.box = {std::min(result.box.x0, x), std::min(result.box.y0, y), std::max(result.box.x1, x + 1),
                  std::max(result.box.y1, y + 1)};
  }
  return result;
}

}  // namespace backlight
