// Boxes of maps against boxes of people: ILSVRC's rule, all thresholds in one pass, wsolevaluation's protocol.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/evaluate/clovaai.hpp"
#include "engine/evaluate/localization.hpp"
#include "support/golden.hpp"
#include "support/random.hpp"

using namespace backlight;
using test::golden;
using test::random_tensor;

namespace {

Tensor rectified_map(Tensor map) {
  for (float& value : map.values()) value = std::max(value, 0.0f);
  return map;
}

Placement stretched(int side, int width, int height) {
  return {side, side, width, height, double(width) / side, double(height) / side, 0, 0};
}

}  // namespace

TEST_CASE("localization: IoU by edges") {
  CHECK(iou({0, 0, 2, 2}, {1, 1, 3, 3}) == 1.0 / 7);
  CHECK(iou({0, 0, 2, 2}, {2, 0, 4, 2}) == 0);
  CHECK(iou({0, 0, 2, 2}, {0, 0, 2, 2}) == 1);
  CHECK(iou({1, 1, 1, 1}, {1, 1, 1, 1}) == 0);
  CHECK(best_iou({0, 0, 2, 2}, std::vector<Box>{{5, 5, 6, 6}, {0, 0, 2, 4}, {0, 0, 1, 1}}) == 0.5);
  CHECK(best_iou({0, 0, 2, 2}, {}) == 0);
}

TEST_CASE(
    "localization: ILSVRC's rule takes the best of the class's objects, and each guess with its own box") {
  const std::vector<LabelledBox> objects{{3, {0, 0, 10, 10}}, {3, {50, 50, 90, 90}}, {4, {20, 20, 30, 30}}};
  const auto verdict = [&](std::vector<Guess> guesses) { return judge(guesses, objects); };
  CHECK(verdict({{3, Box{50, 50, 90, 80}}}) == Verdict{true, true, true});
  CHECK(verdict({{3, Box{20, 20, 30, 30}}}) == Verdict{true, true, false});  // another class's box
  CHECK(verdict({{3, Box{0, 0, 90, 90}}}) == Verdict{true, false, false});
  CHECK(verdict({{9, Box{0, 0, 10, 10}}}) == Verdict{false, true, false});
  CHECK(verdict({{9, Box{0, 0, 10, 10}}, {3, Box{0, 0, 90, 90}}}) == Verdict{true, true, false});
  CHECK(verdict({{9, Box{0, 0, 10, 10}}, {4, Box{20, 20, 30, 30}}}) == Verdict{true, true, true});
  CHECK(verdict({{3, {}}}) == Verdict{true, false, false});
  CHECK(verdict({{3, Box{0, 0, 10, 5}}}).located);  // IoU of exactly a half
  CHECK_FALSE(verdict({{3, Box{0, 0, 10, 4.99}}}).located);
}

TEST_CASE("localization: all thresholds in one pass find the boxes that each finds by itself") {
  const std::vector<Box> truth{{3, 2, 30, 22}, {40, 10, 55, 40}};
  for (const char* name : {"coarse", "fine", "four", "ties", "negative"}) {
    CAPTURE(name);
    const std::string kind = name;
    Tensor map = random_tensor({24, 24}, "sweep." + kind);
    if (kind == "coarse")  // a few plateaus of many pixels
      for (std::int64_t i = 0; i < 24 * 24; ++i) map.values()[i] = map.values()[i / 24 / 4 * 6 + i % 24 / 4];
    if (kind == "ties")
      for (float& value : map.values()) value = std::round(value * 4) / 4;
    if (kind == "negative")
      for (float& value : map.values()) value = -std::abs(value);
    const Placement placement = stretched(24, 60, 48);
    const int levels = 20;
    const Connectivity connectivity = kind == "four" ? Connectivity::four : Connectivity::eight;
    const OverlapByThreshold found = overlap_by_threshold(map, placement, truth, levels, connectivity);
    for (int level = 1; level <= levels; ++level) {
      CAPTURE(level);
      const double fraction = double(level) / levels;
      const auto segment = largest_segment(map, fraction, connectivity);
      CHECK(found.largest[level - 1] == (segment ? best_iou(placement.to_source(segment->box), truth) : 0));
      // All segments: one after the other is the largest once the larger ones are gone.
      double best = 0;
      Tensor rest = map.clone();
      const float maximum = *std::ranges::max_element(map.values());
      while (true) {
        const bool any = std::ranges::any_of(rest.values(), [&](float v) { return v >= fraction * maximum; });
        if (maximum <= 0 || !any) break;
        for (float& value : rest.values()) value = value >= fraction * maximum ? maximum : 0;
        const auto next = largest_segment(rest, 1, connectivity);
        best = std::max(best, best_iou(placement.to_source(next->box), truth));
        for (std::size_t i = 0; i < next->mask.size(); ++i)
          if (next->mask[i]) rest.values()[i] = 0;
      }
      CHECK(found.best[level - 1] == best);
    }
  }
  CHECK_THROWS_AS(overlap_by_threshold(Tensor({2, 2}), stretched(2, 2, 2), truth, 0), Error);
}

TEST_CASE("localization: wsolevaluation's protocol, as its code with OpenCV computes it") {
  const auto agree = [](const std::string& name, const Tensor& map, int width, int height,
                        std::vector<Box> inclusive) {
    CAPTURE(name);
    for (Box& box : inclusive) ++box.x1, ++box.y1;
    const OverlapByThreshold found = clovaai_overlap(map, width, height, inclusive);
    const Tensor largest = golden("localization", name + ".largest"),
                 best = golden("localization", name + ".best");
    REQUIRE(largest.numel() == 100);
    for (std::size_t k = 0; k < 100; ++k) {
      CAPTURE(k);
      CHECK(static_cast<float>(found.largest[k]) == largest.values()[k]);
      CHECK(static_cast<float>(found.best[k]) == best.values()[k]);
    }
  };
  const auto map = [](const char* name, const Shape& shape) {
    return random_tensor(shape, std::string("localization.") + name);
  };
  agree("coarse", map("coarse", {7, 7}), 500, 375, {{14, 163, 180, 327}, {77, 2, 235, 154}});
  agree("rectified", rectified_map(map("rectified", {7, 7})), 227, 227, {{30, 41, 190, 201}});
  agree("wide", rectified_map(map("wide", {6, 9})), 640, 301, {{0, 0, 639, 300}, {100, 20, 333, 250}});
  agree("noise", map("noise", {56, 56}), 224, 224, {{60, 60, 131, 139}, {5, 5, 9, 9}});
  agree("fine", rectified_map(map("fine", {224, 224})), 333, 500, {{200, 30, 332, 499}});
  Tensor constant({7, 7});
  std::ranges::fill(constant.values(), 0.25f);
  agree("constant", constant, 100, 100, {{10, 10, 59, 59}});

  // Of masks, one over the other, and of what is ignored only what lies on neither.
  const std::vector<Box> masks{{20, 30, 100, 90}, {90, 10, 200, 77}}, ignored{{60, 70, 290, 170}};
  const PixelSet object = clovaai_pixels(PixelSet::of(301, 187, masks)),
                 unknown = clovaai_pixels(PixelSet::of(301, 187, ignored));
  const PixelHistogram histogram = pixel_histogram(clovaai_map(map("masks", {7, 7})), object, 100, &unknown);
  const std::vector<double> inside(histogram.inside.begin(), histogram.inside.end()),
      outside(histogram.outside.begin(), histogram.outside.end());
  CHECK(std::accumulate(inside.begin(), inside.end(), 0.0) == double(object.count()));
  CHECK(std::abs(pxap(inside, outside) - golden("localization", "pxap.masks").values()[0]) < 1e-7);
}
