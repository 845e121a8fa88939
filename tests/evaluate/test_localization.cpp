// Boxes of maps against boxes of people: ILSVRC's rule, all thresholds in one pass, wsolevaluation's protocol.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
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

TEST_CASE("localization: the error of a set made by hand is what ILSVRC's development kit counts") {
  struct Said {
    std::int64_t label;
    std::array<int, 4> box;  // first and last column and row, as the kit's files have them
  };
  struct Picture {
    std::int64_t label;
    std::vector<std::array<int, 4>> boxes;
    std::vector<Said> guesses;
  };
  const std::array far{200, 200, 220, 220};
  const std::vector<Picture> set{
      {5, {{10, 10, 59, 59}}, {{5, {12, 8, 60, 57}}, {1, far}, {2, far}, {3, far}, {4, far}}},
      // 50 of 100 pixels: a half, which suffices; without counting the last column it would be less.
      {6, {{0, 0, 9, 9}}, {{6, {0, 0, 9, 4}}, {1, far}, {2, far}, {3, far}, {4, far}}},
      {6, {{0, 0, 9, 9}}, {{6, {0, 0, 9, 3}}, {1, far}, {2, far}, {3, far}, {4, far}}},  // 40 of 100
      {7, {far, {30, 40, 90, 99}}, {{7, {30, 40, 90, 120}}, {1, far}, {2, far}, {3, far}, {4, far}}},
      {8, {{5, 5, 40, 80}}, {{1, {5, 5, 40, 80}}, {2, far}, {8, {5, 5, 40, 70}}, {3, far}, {4, far}}},
      // Its label with another's box, its box with another's label.
      {9, {{5, 5, 40, 80}}, {{1, {5, 5, 40, 80}}, {9, far}, {2, far}, {3, far}, {4, far}}},
      // The sixth guess would be right, and is not asked for.
      {3, {far}, {{9, far}, {8, far}, {7, far}, {6, far}, {5, far}, {3, far}}},
  };
  // Of inclusive pixels, as compute_overlap.m counts them.
  const auto overlap = [](const std::array<int, 4>& a, const std::array<int, 4>& b) {
    const double width = std::min(a[2], b[2]) - std::max(a[0], b[0]) + 1,
                 height = std::min(a[3], b[3]) - std::max(a[1], b[1]) + 1;
    if (width <= 0 || height <= 0) return 0.0;
    const auto area = [](const std::array<int, 4>& box) {
      return double(box[2] - box[0] + 1) * (box[3] - box[1] + 1);
    };
    return width * height / (area(a) + area(b) - width * height);
  };
  const auto edges = [](const std::array<int, 4>& box) {
    return Box{double(box[0]), double(box[1]), double(box[2] + 1), double(box[3] + 1)};
  };
  for (const auto& [k, by_hand] : {std::pair{1, 4}, std::pair{5, 3}}) {
    CAPTURE(k);
    int errors = 0, theirs = 0;
    for (const Picture& picture : set) {
      std::vector<Guess> guesses;
      std::vector<LabelledBox> objects;
      for (const auto& box : picture.boxes) objects.push_back({picture.label, edges(box)});
      bool wrong = true;
      for (int j = 0; j < k; ++j) {
        const Said& said = picture.guesses[static_cast<std::size_t>(j)];
        guesses.push_back({said.label, edges(said.box)});
        for (const auto& box : picture.boxes)
          wrong &= said.label != picture.label || overlap(said.box, box) < 0.5;
      }
      theirs += wrong;
      errors += !judge(guesses, objects).located;
    }
    CHECK(errors == theirs);
    CHECK(errors == by_hand);
  }
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
