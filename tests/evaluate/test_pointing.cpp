// Maxima and mass of maps against sets of pixels, and the maps that no network made.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "engine/evaluate/baselines.hpp"
#include "engine/evaluate/pointing.hpp"
#include "support/golden.hpp"
#include "support/random.hpp"

using namespace backlight;
using test::golden;
using test::random_tensor;

namespace {

Placement same_size(int width, int height) { return {width, height, width, height, 1, 1, 0, 0}; }

Tensor map_like(std::int64_t height, std::int64_t width, std::vector<float> values) {
  Tensor map({height, width});
  std::ranges::copy(values, map.values().begin());
  return map;
}

}  // namespace

TEST_CASE("pointing: the first maximum at the picture's size, within what the network saw") {
  Tensor map = Tensor::zeros({4, 4});
  map.values()[1 * 4 + 2] = 3;
  map.values()[3 * 4 + 0] = 3;
  CHECK(strongest_pixel(map, same_size(4, 4)) == Pixel{2, 1});
  map.values()[3 * 4 + 0] = 0;
  // Twice as large: of pixels that the map's lies between, 2.25 to 2.75 of the way, the first.
  CHECK(strongest_pixel(map, {4, 4, 8, 8, 2, 2, 0, 0}) == Pixel{4, 2});
  // A crop: the input's first pixel is the picture's (2, 1).
  CHECK(strongest_pixel(map, {4, 4, 8, 6, 1, 1, 2, 1}) == Pixel{4, 2});
  CHECK_FALSE(strongest_pixel(Tensor::zeros({4, 4}), same_size(4, 4)));
  CHECK_FALSE(strongest_pixel(map_like(1, 2, {-1, -2}), same_size(2, 1)));
  CHECK(strongest_pixel(map_like(1, 2, {1, 1}), same_size(2, 1)) == Pixel{0, 0});
}

TEST_CASE("pointing: pixels of boxes, and a tolerance in Euclid's distance") {
  const std::vector<Box> boxes{{2, 3, 5, 4}, {0.4, 0.4, 0.45, 0.45}};
  const PixelSet set = PixelSet::of(40, 40, boxes);
  CHECK(set.count() == 4);
  CHECK(set.in[0] == 1);  // of a box without a pixel's centre, that of its middle
  CHECK(set.share() == 4.0 / 1600);
  CHECK(PixelSet::of(4, 4, std::vector<Box>{{1.5, 0, 2.5, 9}}).count() == 4);
  CHECK(PixelSet::of(4, 4, std::vector<Box>{{-9, -9, -3, -3}}).count() == 0);

  const PixelSet one = PixelSet::of(40, 40, std::vector<Box>{{20, 20, 21, 21}});
  CHECK(points_at({20, 20}, one, 0));
  CHECK_FALSE(points_at({21, 20}, one, 0));
  CHECK(points_at({21, 20}, one, 1.01));
  CHECK(points_at({34, 25}, one, 15));        // 14.87
  CHECK_FALSE(points_at({29, 32}, one, 15));  // 15
  CHECK(points_at({29, 32}, one, 15.01));
  CHECK_FALSE(points_at({35, 20}, one, 15));
  const PixelSet two = PixelSet::of(24, 20, std::vector<Box>{{2, 3, 9, 6}, {20, 17, 21, 18}});
  for (const int tolerance : {4, 15}) {  // from every pixel, as TorchRay's pointing game decides
    const Tensor hits = golden("localization", "pointing." + std::to_string(tolerance));
    REQUIRE(hits.numel() == 20 * 24);
    for (std::int64_t i = 0; i < hits.numel(); ++i)
      CHECK(points_at({i % 24, i / 24}, two, tolerance) == (hits.values()[i] == 1));
  }
  CHECK(points_at({39, 20}, PixelSet::of(40, 40, std::vector<Box>{{30, 0, 40, 40}}), 0));
}

TEST_CASE("pointing: predictions are rejected below a threshold") {
  const std::vector<RejectionCase> cases{
      {4, true, true}, {1, false, false}, {2, true, false}, {2, false, true}, {3, false, false}};
  const std::vector<RejectionPoint> curve = rejection_curve(cases);
  REQUIRE(curve.size() == 5);
  const std::vector<double> thresholds{1, 2, 3, 4}, accuracies{0.2, 0.4, 0.6, 0.8, 0.6};
  for (std::size_t i = 0; i < curve.size(); ++i) {
    CHECK(curve[i].accuracy == accuracies[i]);
    if (i < 4) CHECK(curve[i].threshold == thresholds[i]);
  }
  CHECK(std::isinf(curve.back().threshold));
  // A case that counts twice is two cases.
  std::vector<RejectionCase> twice(cases.begin(), cases.end());
  twice.push_back(cases[1]);
  std::vector<RejectionCase> counted(cases.begin(), cases.end());
  counted[1].times = 2;
  for (std::size_t i = 0; i < curve.size(); ++i)
    CHECK(rejection_curve(counted)[i].accuracy == rejection_curve(twice)[i].accuracy);
  CHECK(rejection_curve({}).empty());
}

TEST_CASE("mass: the means inside and outside are compared, of a map and of a gradient's largest magnitude") {
  const PixelSet right{2, 2, {0, 1, 0, 1}}, corner{2, 2, {1, 0, 0, 0}};
  const Tensor map = map_like(2, 2, {1, 6, -9, 2});
  CHECK(inside_outside(map, right) == 8);                        // (6 + 2)/2 over (1 + 0)/2
  CHECK(inside_outside(map, corner) == doctest::Approx(0.375));  // 1 over (6 + 0 + 2)/3
  const Tensor gradient = Tensor::from({2, 2, 2}, std::vector<float>{1, -6, 0, 2, -4, 3, 1, 0});
  CHECK(inside_outside(gradient, right) == doctest::Approx(8.0 / 5));  // 4, 6, 1, 2
  CHECK(inside_outside(map_like(2, 2, {3, 3, 3, 3}), corner) == 1);
  CHECK(inside_outside(Tensor::zeros({2, 2}), right) == 1);
  CHECK(std::isinf(inside_outside(map_like(2, 2, {-1, 6, 0, 2}), right)));
  for (const std::uint8_t in : {std::uint8_t{0}, std::uint8_t{1}})
    CHECK_THROWS_WITH_AS(inside_outside(map, {2, 2, {in, in, in, in}}), doctest::Contains("of 4 pixels"),
                         Error);
  CHECK_THROWS_WITH_AS(inside_outside(Tensor::zeros({2, 3}), right), doctest::Contains("2×2"), Error);
}

TEST_CASE("mass: of a map in closed form, and as scikit-learn and wsolevaluation have it") {
  const Tensor map = map_like(2, 3, {4, 2, -1, 0, 1, 1});
  const PixelSet set{3, 2, {1, 0, 1, 0, 1, 0}};
  CHECK(energy_inside(map, set) == 5.0 / 8);
  CHECK(segment_iou(map, set, 0.5) == 1.0 / 4);
  CHECK(segment_iou(map, set, 0.25) == 2.0 / 5);
  CHECK(loc(map, set, 0.25) == 2.0 / 5);  // above 0.25: 4, 2, 1, 1
  // -1 itself lies not above 0 of the normalised map.
  CHECK(loc(map, set, 0) == 2.0 / 6);
  CHECK(loc(map, set, 0.5) == 1.0 / 4);
  CHECK(pixel_average_precision(map, set) == doctest::Approx(1.0 / 3 + 2.0 / 4 / 3 + 3.0 / 6 / 3));

  const Tensor constant = map_like(2, 3, {2, 2, 2, 2, 2, 2}), none = Tensor::zeros({2, 3});
  for (const Tensor* flat : {&constant, &none}) {
    CHECK(pixel_average_precision(*flat, set) == 0.5);
    CHECK(loc(*flat, set, 0) == 0);
  }
  CHECK(energy_inside(constant, set) == 0.5);
  CHECK(segment_iou(constant, set, 1) == 0.5);
  CHECK(energy_inside(none, set) == 0);
  CHECK(segment_iou(none, set, 0.15) == 0);
  CHECK(std::isnan(pixel_average_precision(map, {3, 2, {0, 0, 0, 0, 0, 0}})));
  CHECK_THROWS_AS(energy_inside(map, {2, 3, {0, 0, 0, 0, 0, 0}}), Error);

  Tensor scores = random_tensor({32, 32}, "localization.pixels");
  for (float& value : scores.values()) value = std::max(value, 0.0f);
  const PixelSet object = PixelSet::of(32, 32, std::vector<Box>{{4, 8, 25, 20}});
  CHECK(std::abs(pixel_average_precision(scores, object) -
                 golden("localization", "average_precision").values()[0]) < 1e-7);
  const PixelHistogram histogram = pixel_histogram(scores, object);
  const std::vector<double> inside(histogram.inside.begin(), histogram.inside.end()),
      outside(histogram.outside.begin(), histogram.outside.end());
  CHECK(std::abs(pxap(inside, outside) - golden("localization", "pxap").values()[0]) < 1e-7);
  CHECK(std::isnan(pxap(outside, std::vector<double>(101))) == false);
  CHECK(std::isnan(pxap(std::vector<double>(101), outside)));
  CHECK(pixel_histogram(none, set).outside[0] == 3);
}

TEST_CASE("mass: a set as the network's input sees it") {
  const PixelSet set = PixelSet::of(6, 4, std::vector<Box>{{2, 0, 4, 4}});
  const PixelSet half = seen_by_input(set, {3, 2, 6, 4, 2, 2, 0, 0});
  CHECK(half.in == std::vector<std::uint8_t>{0, 1, 0, 0, 1, 0});
  // The pixel below a centre, not below a corner.
  const PixelSet column = PixelSet::of(6, 4, std::vector<Box>{{3, 0, 4, 4}});
  CHECK(seen_by_input(column, {3, 2, 6, 4, 2, 2, 0, 0}).in == half.in);
  const PixelSet cropped = seen_by_input(set, {4, 4, 6, 4, 1, 1, 1, 0});
  CHECK(cropped.in == std::vector<std::uint8_t>{0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0});
  const PixelSet padded = seen_by_input(set, {8, 4, 6, 4, 1, 1, -1, 0});
  CHECK(std::vector(padded.in.begin(), padded.in.begin() + 8) ==
        std::vector<std::uint8_t>{0, 0, 0, 1, 1, 0, 0, 0});
}

TEST_CASE("baselines: random by seed, a peak in the middle, edges, nothing") {
  Image image(9, 7, 100);
  for (int y = 0; y < 7; ++y)
    for (int x = 5; x < 9; ++x) std::fill_n(image.at(x, y), 3, std::uint8_t{200});
  std::map<std::string, Tensor> maps;
  for (const BaselineMap& baseline : baseline_maps())
    maps[std::string(baseline.name)] = baseline.map(image, 5);
  for (const auto& [name, map] : maps) CHECK(map.shape() == Shape{7, 9});
  CHECK(strongest_pixel(maps.at("centre"), same_size(9, 7)) == Pixel{4, 3});
  CHECK(maps.at("centre").values()[3 * 9 + 0] == doctest::Approx(std::exp(-16.0 / 81 * 8)));
  const auto sobel = maps.at("sobel").values();
  for (int y = 0; y < 7; ++y)
    for (int x = 0; x < 9; ++x) CHECK(sobel[y * 9 + x] == (x == 4 || x == 5 ? 400 : 0));
  const Tensor lying =
      baseline_maps()[2].map(apply_orientation(image, 6), 5);  // the same edge, from left to right
  for (int y = 0; y < 9; ++y)
    for (int x = 0; x < 7; ++x) CHECK(lying.values()[y * 7 + x] == (y == 4 || y == 5 ? 400 : 0));
  CHECK(std::ranges::all_of(maps.at("uniform").values(), [](float v) { return v == 1; }));
  const auto random = maps.at("random").values();
  CHECK(*std::ranges::min_element(random) < 0.1);
  CHECK(*std::ranges::max_element(random) > 0.9);
  CHECK(std::ranges::equal(random, baseline_maps()[0].map(image, 5).values()));
  CHECK_FALSE(std::ranges::equal(random, baseline_maps()[0].map(image, 6).values()));
}
