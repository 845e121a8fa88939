#include "engine/evaluate/localization.hpp"

#include <algorithm>
#include <tuple>

#include "engine/image/map.hpp"

namespace backlight {
namespace {

double area_of(const Box& box) { return std::max(0.0, box.x1 - box.x0) * std::max(0.0, box.y1 - box.y0); }

Box joined_boxes(const Box& a, const Box& b) {
  return {std::min(a.x0, b.x0), std::min(a.y0, b.y0), std::max(a.x1, b.x1), std::max(a.y1, b.y1)};
}

/// The segments of a map's pixels so far: 8-connected, each known by a pixel of it, its root.
class Segments {
 public:
  Segments(MapSize size, const Placement& placement, std::span<const Box> truth, Connectivity connectivity)
      : size_(size),
        placement_(placement),
        truth_(truth),
        connectivity_(connectivity),
        all_(static_cast<std::size_t>(size.height * size.width)) {}

  void add(std::int64_t pixel) {
    const std::int64_t y = pixel / size_.width, x = pixel % size_.width;
    all_[pixel] = {pixel, 1, pixel, {double(x), double(y), double(x + 1), double(y + 1)}, 0, false};
    std::int64_t root = pixel;
    for (std::int64_t ny = std::max<std::int64_t>(y - 1, 0); ny <= std::min(y + 1, size_.height - 1); ++ny)
      for (std::int64_t nx = std::max<std::int64_t>(x - 1, 0); nx <= std::min(x + 1, size_.width - 1); ++nx)
        if (const std::int64_t other = ny * size_.width + nx; other != pixel && all_[other].parent >= 0)
          if (connectivity_ == Connectivity::eight || nx == x || ny == y) root = join(root, other);
    touch(root);
    const Part& grown = all_[root];
    if (largest_ >= 0) largest_ = find(largest_);
    if (largest_ < 0 || grown.pixels > all_[largest_].pixels ||
        (grown.pixels == all_[largest_].pixels && grown.first < all_[largest_].first))
      largest_ = root;
  }

  /// Of the box of the largest, and of the best.
  std::pair<double, double> overlaps() {
    double best = 0;
    std::erase_if(roots_, [&](std::int64_t root) { return all_[root].parent != root; });
    for (const std::int64_t root : roots_) best = std::max(best, overlap(all_[root]));
    return {largest_ < 0 ? 0 : overlap(all_[find(largest_)]), best};
  }

 private:
  struct Part {
    std::int64_t parent = -1;  ///< below 0: not of a segment yet; the rest is a root's alone
    std::int64_t pixels = 0, first = 0;
    Box box;
    double iou = 0;
    bool known = false;  ///< whether iou is that of the box
  };

  std::int64_t find(std::int64_t pixel) {
    while (all_[pixel].parent != pixel) {
      all_[pixel].parent = all_[all_[pixel].parent].parent;
      pixel = all_[pixel].parent;
    }
    return pixel;
  }
  std::int64_t join(std::int64_t a, std::int64_t b) {
    a = find(a), b = find(b);
    if (a == b) return a;
    // A pixel that has just come goes to what was there, whose root is listed.
    if (all_[a].pixels <= all_[b].pixels) std::swap(a, b);
    all_[b].parent = a;
    all_[a].pixels += all_[b].pixels;
    all_[a].first = std::min(all_[a].first, all_[b].first);
    all_[a].box = joined_boxes(all_[a].box, all_[b].box);
    return a;
  }
  void touch(std::int64_t root) {
    all_[root].known = false;
    if (all_[root].pixels == 1) roots_.push_back(root);
  }
  double overlap(Part& part) {
    if (!part.known) part.iou = best_iou(placement_.to_source(part.box), truth_);
    part.known = true;
    return part.iou;
  }

  MapSize size_;
  const Placement& placement_;
  std::span<const Box> truth_;
  Connectivity connectivity_;
  std::vector<Part> all_;
  std::vector<std::int64_t> roots_;  ///< and some that were
  std::int64_t largest_ = -1;
};

}  // namespace

double iou(const Box& a, const Box& b) {
  const double common =
      area_of({std::max(a.x0, b.x0), std::max(a.y0, b.y0), std::min(a.x1, b.x1), std::min(a.y1, b.y1)});
  const double all = area_of(a) + area_of(b) - common;
  return all > 0 ? common / all : 0;
}

double best_iou(const Box& box, std::span<const Box> truth) {
  double best = 0;
  for (const Box& other : truth) best = std::max(best, iou(box, other));
  return best;
}

Verdict judge(std::span<const Guess> guesses, std::span<const LabelledBox> objects) {
  Verdict verdict;
  for (const Guess& guess : guesses)
    for (const LabelledBox& object : objects) {
      const bool label = guess.index == object.index;
      const bool box = guess.box && iou(*guess.box, object.box) >= kFoundIou;
      verdict.label |= label;
      verdict.box |= box;
      verdict.located |= label && box;
    }
  return verdict;
}

OverlapByThreshold overlap_by_threshold(const Tensor& map, const Placement& placement,
                                        std::span<const Box> truth, int levels, Connectivity connectivity) {
  if (levels < 1) throw Error(ErrorKind::usage, levels, " thresholds were asked for, expected 1 or more");
  const MapSize size = require_map(map, "overlap by threshold");
  const auto values = map.values();
  const auto count = static_cast<std::size_t>(levels);
  OverlapByThreshold result{std::vector<double>(count), std::vector<double>(count)};
  const double maximum = *std::max_element(values.begin(), values.end());
  if (maximum <= 0) return result;

  // Pixels of the lowest threshold are enough. Their order within a level changes nothing.
  std::vector<std::int64_t> order;
  const auto threshold = [&](int level) { return static_cast<double>(level) / levels * maximum; };
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i] >= threshold(1)) order.push_back(static_cast<std::int64_t>(i));
  std::sort(order.begin(), order.end(),
            [&](std::int64_t a, std::int64_t b) { return values[a] > values[b]; });
  Segments segments(size, placement, truth, connectivity);
  auto next = order.begin();
  for (int level = levels; level >= 1; --level) {
    for (; next != order.end() && values[*next] >= threshold(level); ++next) segments.add(*next);
    const auto at = static_cast<std::size_t>(level - 1);
    std::tie(result.largest[at], result.best[at]) = segments.overlaps();
  }
  return result;
}

}  // namespace backlight
