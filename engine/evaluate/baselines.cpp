#include "engine/evaluate/baselines.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/core/random.hpp"
#include "kernels/preprocess/preprocess.hpp"

namespace backlight {
namespace {

template <class Fn>
Tensor map_of(const Image& seen, Fn&& value) {
  Tensor map({seen.height, seen.width});
  float* to = map.values().data();
  for (int y = 0; y < seen.height; ++y)
    for (int x = 0; x < seen.width; ++x) *to++ = static_cast<float>(value(x, y));
  return map;
}

Tensor random_map(const Image& seen, std::uint64_t seed) {
  return map_of(seen, [&](int x, int y) {
    return random_uniform(seed, static_cast<std::uint64_t>(y) * static_cast<std::uint64_t>(seen.width) +
                                    static_cast<std::uint64_t>(x));
  });
}

Tensor centre_map(const Image& seen, std::uint64_t) {
  return map_of(seen, [&](int x, int y) {
    const double u = (x + 0.5) / seen.width - 0.5, v = (y + 0.5) / seen.height - 0.5;
    return std::exp(-(u * u + v * v) / (2 * 0.25 * 0.25));
  });
}

Tensor sobel_map(const Image& seen, std::uint64_t) {
  const auto grey = [&](int x, int y) {
    return static_cast<int>(
        luma(seen.at(std::clamp(x, 0, seen.width - 1), std::clamp(y, 0, seen.height - 1))));
  };
  return map_of(seen, [&](int x, int y) {
    const auto across = [&](int dy) { return grey(x + 1, y + dy) - grey(x - 1, y + dy); };
    const auto down = [&](int dx) { return grey(x + dx, y + 1) - grey(x + dx, y - 1); };
    return std::hypot(across(-1) + 2 * across(0) + across(1), down(-1) + 2 * down(0) + down(1));
  });
}

Tensor uniform_map(const Image& seen, std::uint64_t) {
  return map_of(seen, [](int, int) { return 1; });
}

constexpr std::array<BaselineMap, 4> kBaselines{
    {{"random", random_map}, {"centre", centre_map}, {"sobel", sobel_map}, {"uniform", uniform_map}}};

}  // namespace

std::span<const BaselineMap> baseline_maps() { return kBaselines; }

}  // namespace backlight
