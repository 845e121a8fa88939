#include <doctest/doctest.h>

#include <limits>

#include "engine/explain/segment.hpp"
#include "image/pictures.hpp"

using namespace backlight;
using namespace backlight::test;

TEST_CASE("segment: size and box equal SciPy's labels with eight neighbours") {
  struct Case {
    int height, width;
    double fraction;
  };
  for (const Case& c : {Case{20, 30, 0.5}, {20, 30, 0.6}, {20, 30, 0.75}, {9, 9, 0.15}, {1, 40, 0.7}}) {
    const std::string source = text("segment.", c.height, "x", c.width);
    const auto segment = largest_segment(random_tensor({c.height, c.width}, source), c.fraction);
    const Tensor expected = golden("image", text(source, ".", c.fraction));
    REQUIRE(segment);
    CHECK(static_cast<float>(segment->pixels) == expected.values()[0]);
    CHECK(segment->box ==
          Box{expected.values()[1], expected.values()[2], expected.values()[3], expected.values()[4]});
    CHECK(std::ranges::count(segment->mask, 1) == segment->pixels);
  }
}

TEST_CASE("segment: corners touch and the threshold is part of the segment") {
  const Tensor map = Tensor::from({3, 3}, std::vector<float>{1, 0, 0, 0, 0.5f, 0, 0.4f, 0, 0});
  const auto segment = largest_segment(map, 0.5);
  REQUIRE(segment);
  CHECK(segment->pixels == 2);
  CHECK(segment->box == Box{0, 0, 2, 2});
  // With four neighbours they do not touch, and edges do.
  CHECK(largest_segment(map, 0.5, Connectivity::four)->pixels == 1);
  const Tensor bend = Tensor::from({2, 3}, std::vector<float>{1, 1, 0, 0, 1, 1});
  CHECK(largest_segment(bend, 0.5, Connectivity::four)->box == Box{0, 0, 3, 2});
}

TEST_CASE("segment: of equal segments the first row by row wins") {
  const Tensor map = Tensor::from({1, 7}, std::vector<float>{0, 1, 1, 0, 2, 2, 0});
  const auto segment = largest_segment(map, 0.5);
  REQUIRE(segment);
  CHECK(segment->box == Box{1, 0, 3, 1});
}

TEST_CASE("segment: a map without a positive value has none") {
  CHECK_FALSE(largest_segment(Tensor::zeros({4, 5})));
  CHECK_FALSE(largest_segment(Tensor::from({1, 2}, std::vector<float>{-3, -1})));
}

TEST_CASE("segment: impossible thresholds and NaN are refused") {
  const Tensor map = Tensor::from({1, 2}, std::vector<float>{1, std::numeric_limits<float>::quiet_NaN()});
  CHECK_THROWS_AS(largest_segment(map), Error);
  for (const double fraction : {0.0, -1.0, 1.5, std::numeric_limits<double>::quiet_NaN()})
    CHECK_THROWS_AS(largest_segment(Tensor::zeros({2, 2}), fraction), Error);
}
