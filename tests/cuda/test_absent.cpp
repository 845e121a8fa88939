#include <doctest/doctest.h>

#include "kernels/dispatch.hpp"

using namespace backlight;

TEST_CASE("a build without CUDA: a CUDA device is refused and no kernel takes its place") {
  const Device device = Device::parse("cuda");
  CHECK_THROWS_WITH_AS(Context(device, 1), doctest::Contains("has no CUDA: use the device cpu"), Error);
  CHECK_THROWS_WITH_AS(kernels<float>(device), doctest::Contains("has no CUDA"), Error);
  CHECK_THROWS_WITH_AS(kernels<double>(device), doctest::Contains("no float64 kernels for cuda:0"), Error);
}
