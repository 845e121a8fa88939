#include <doctest/doctest.h>

#include <cstdlib>

#include "models/memory.hpp"
#include "models/registry.hpp"

using namespace backlight;

TEST_CASE("memory: a forward holds the largest layer and a backward to the input everything") {
  const Network network = build_model("resnet20_cifar", 10);
  constexpr std::int64_t kSide = 100, kPlane = 16 * kSide * kSide * 4;
  const std::int64_t forward = least_memory(network, {1, 3, kSide, kSide}, false);
  const std::int64_t backward = least_memory(network, {1, 3, kSide, kSide}, true);
  // The widest step adds two tensors of 16 channels at full size into a third, or less when it runs in place.
  CHECK(forward >= 2 * kPlane);
  CHECK(forward <= 3 * kPlane);
  // Seven convolutions at full size, six with half as many values, six with a quarter; the rest may run in
  // place.
  CHECK(2 * backward >= 23 * kPlane);
  CHECK(backward <= 40 * kPlane);
  const std::int64_t twice = least_memory(network, {1, 3, 2 * kSide, kSide}, true);
  CHECK(100 * std::abs(twice - 2 * backward) <= twice);
}

TEST_CASE("memory: what is free is a positive number") { CHECK(free_memory() > 0); }
