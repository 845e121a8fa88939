#include "engine/evaluate/clovaai.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/image/map.hpp"

namespace backlight {
namespace {

constexpr int kSide = 224, kThresholds = 100;

/// First and last pixel of each axis, inclusive.
struct WholeBox {
  int x0 = 0, y0 = 0, x1 = 0, y1 = 0;
};

double inclusive_iou(const WholeBox& a, const WholeBox& b) {
  const auto area = [](const WholeBox& box) { return (box.x1 - box.x0 + 1) * (box.y1 - box.y0 + 1); };
  const int common = std::max(0, std::min(a.x1, b.x1) - std::max(a.x0, b.x0) + 1) *
                     std::max(0, std::min(a.y1, b.y1) - std::max(a.y0, b.y0) + 1);
  const int all = area(a) + area(b) - common;
  return all > 0 ? static_cast<double>(common) / all : 0;
}

/// OpenCV's INTER_CUBIC along one axis: a = −0.75, half-pixel centres, edges repeated, no antialiasing.
struct CubicTaps {
  std::array<std::int64_t, 4> at;
  std::array<float, 4> weight;
};
std::vector<CubicTaps> cubic_taps(std::int64_t in) {
  std::vector<CubicTaps> taps(kSide);
  for (int i = 0; i < kSide; ++i) {
    const double scale = static_cast<double>(in) / kSide;
    const auto centre = static_cast<float>((i + 0.5) * scale - 0.5);
    const float below = std::floor(centre), x = centre - below, a = -0.75f;
    auto& weight = taps[i].weight;
    weight[0] = ((a * (x + 1) - 5 * a) * (x + 1) + 8 * a) * (x + 1) - 4 * a;
    weight[1] = ((a + 2) * x - (a + 3)) * x * x + 1;
    weight[2] = ((a + 2) * (1 - x) - (a + 3)) * (1 - x) * (1 - x) + 1;
    weight[3] = 1.0f - weight[0] - weight[1] - weight[2];
    for (int k = 0; k < 4; ++k)
      taps[i].at[k] = std::clamp<std::int64_t>(static_cast<std::int64_t>(below) + k - 1, 0, in - 1);
  }
  return taps;
}

/// A border of a set of pixels: an outer one, or one around a hole.
struct Contour {
  WholeBox box;
  int twice_area = 0;  ///< of the polygon through the centres of its pixels
  bool hole = false;
};

/// Border following (Suzuki and Abe 1985) as OpenCV's findContours does it: all borders, in the order of a scan.
class Borders {
 public:
  /// `at`: kSide × kSide, not 0 in the set.
  explicit Borders(const std::vector<std::uint8_t>& at) : pixels_(kPitch * kPitch) {
    for (int y = 0; y < kSide; ++y)
      for (int x = 0; x < kSide; ++x) pixels_[index(x, y)] = at[y * kSide + x] ? kUnseen : 0;
  }

  std::vector<Contour> all() {
    std::vector<Contour> contours;
    for (int y = 0; y < kSide; ++y) {
      int before = 0;
      for (int x = 0; x <= kSide; ++x) {
        const int here = pixels_[index(x, y)];
        if (before == 0 && here == kUnseen) contours.push_back(follow(x, y, false));
        if (before > 0 && here == 0) contours.push_back(follow(x - 1, y, true));
        before = pixels_[index(x, y)];
      }
    }
    return contours;
  }

 private:
  static constexpr int kPitch = kSide + 2;  // a frame of pixels outside
  static constexpr signed char kUnseen = 1, kSeen = 2, kRightEdge = -2;
  static constexpr std::array<int, 8> kDx{1, 1, 0, -1, -1, -1, 0, 1}, kDy{0, -1, -1, -1, 0, 1, 1, 1};

  static int index(int x, int y) { return (y + 1) * kPitch + x + 1; }
  static int step(int direction) { return kDy[direction & 7] * kPitch + kDx[direction & 7]; }

  Contour follow(int x, int y, bool hole) {
    Contour contour{{x, y, x, y}, 0, hole};
    const int start = index(x, y), end = hole ? 0 : 4;
    int direction = end;
    do direction = (direction - 1) & 7;
    while (pixels_[start + step(direction)] == 0 && direction != end);
    if (direction == end && pixels_[start + step(direction)] == 0) {
      pixels_[start] = kRightEdge;
      return contour;
    }
    const int second = start + step(direction);
    for (int at = start;;) {
      const int from = direction;
      do ++direction;
      while (pixels_[at + step(direction)] == 0);
      direction &= 7;
      // Whether the search went past the pixel to the right, which is outside then.
      if (static_cast<unsigned>(direction - 1) < static_cast<unsigned>(from))
        pixels_[at] = kRightEdge;
      else if (pixels_[at] == kUnseen)
        pixels_[at] = kSeen;
      const int next_x = x + kDx[direction], next_y = y + kDy[direction], next = at + step(direction);
      contour.twice_area += x * next_y - next_x * y;
      x = next_x, y = next_y;
      contour.box = {std::min(contour.box.x0, x), std::min(contour.box.y0, y), std::max(contour.box.x1, x),
                     std::max(contour.box.y1, y)};
      if (next == start && at == second) break;
      at = next;
      direction = (direction + 4) & 7;
    }
    contour.twice_area = std::abs(contour.twice_area);
    return contour;
  }

  std::vector<signed char> pixels_;
};

/// boundingRect's width and height, taken for the distance to the last pixel.
WholeBox one_too_large(const WholeBox& box) {
  return {box.x0, box.y0, std::min(box.x1 + 1, kSide - 1), std::min(box.y1 + 1, kSide - 1)};
}

}  // namespace

Tensor clovaai_map(const Tensor& map) {
  const MapSize size = require_map(map, "clovaai");
  const auto columns = cubic_taps(size.width), rows = cubic_taps(size.height);
  const auto values = map.values();
  std::vector<float> wide(static_cast<std::size_t>(size.height * kSide));
  for (std::int64_t y = 0; y < size.height; ++y)
    for (int x = 0; x < kSide; ++x)
      for (int k = 0; k < 4; ++k)
        wide[y * kSide + x] += values[y * size.width + columns[x].at[k]] * columns[x].weight[k];
  Tensor large = Tensor::zeros({kSide, kSide});
  const auto to = large.values();
  for (int y = 0; y < kSide; ++y)
    for (int k = 0; k < 4; ++k)
      for (int x = 0; x < kSide; ++x)
        to[y * kSide + x] += wide[rows[y].at[k] * kSide + x] * rows[y].weight[k];
  const float least = *std::ranges::min_element(to);
  for (float& value : to) value -= least;
  const float most = *std::ranges::max_element(to);
  if (most > 0)
    for (float& value : to) value /= most;
  return large;
}

PixelSet clovaai_pixels(const PixelSet& set) {
  PixelSet resized{kSide, kSide, {}};
  for (std::int64_t y = 0; y < kSide; ++y)
    for (std::int64_t x = 0; x < kSide; ++x)
      resized.in.push_back(set.in[y * set.height / kSide * set.width + x * set.width / kSide]);
  return resized;
}

OverlapByThreshold clovaai_overlap(const Tensor& map, int width, int height, std::span<const Box> truth) {
  const Tensor large = clovaai_map(map);
  std::vector<std::uint8_t> levels;
  for (const float value : large.values()) levels.push_back(static_cast<std::uint8_t>(value * 255));
  std::vector<WholeBox> boxes;
  for (const Box& box : truth)
    boxes.push_back({static_cast<int>(box.x0 * kSide / width), static_cast<int>(box.y0 * kSide / height),
                     static_cast<int>((box.x1 - 1) * kSide / width),
                     static_cast<int>((box.y1 - 1) * kSide / height)});
  const auto overlap = [&](const WholeBox& box) {
    double best = 0;
    for (const WholeBox& other : boxes) best = std::max(best, inclusive_iou(box, other));
    return best;
  };
  OverlapByThreshold result{std::vector<double>(kThresholds), std::vector<double>(kThresholds)};
  const int maximum = *std::ranges::max_element(levels);
  std::vector<std::uint8_t> above(levels.size());
  for (int k = 0; k < kThresholds; ++k) {
    const int threshold = static_cast<int>(k * 0.01 * maximum);
    std::ranges::transform(levels, above.begin(), [&](int level) { return level > threshold; });
    const std::vector<Contour> contours = Borders(above).all();
    if (contours.empty()) result.largest[k] = result.best[k] = overlap({});
    // Of equal areas OpenCV lists the last found first; a hole's border encloses no more than its outer one.
    const Contour* largest = nullptr;
    for (const Contour& contour : contours) {
      if (!contour.hole && (!largest || contour.twice_area >= largest->twice_area)) largest = &contour;
      result.best[k] = std::max(result.best[k], overlap(one_too_large(contour.box)));
    }
    if (largest) result.largest[k] = overlap(one_too_large(largest->box));
  }
  return result;
}

}  // namespace backlight
