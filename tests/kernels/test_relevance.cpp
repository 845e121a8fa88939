// The steps of kernels/relevance/relevance.hpp, by hand; the rules that are made of them are held to captum and zennit by
// tests/attribution/test_rules.cpp, CUDA to the CPU by tests/cuda/test_elementwise.cpp.
#include <doctest/doctest.h>

#include <vector>

#include "engine/runtime/device.hpp"
#include "kernels/relevance/relevance.hpp"

using namespace backlight;

namespace {

using Doubles = std::vector<double>;

struct Steps {
  Context context{{}, 1};
  std::int64_t count;

  Doubles difference_part(Slopes slopes, const Doubles& x, const Doubles& reference, const Doubles& dy) {
    Doubles y(dy.size());
    cpu::difference_part(context, count, slopes, x.data(), reference.data(), dy.data(), y.data());
    return y;
  }
  Doubles share(ShareParams params, const Doubles& z, const Doubles& dy, const Doubles& denominator) {
    Doubles s(z.size());
    params.count = count;
    cpu::share(context, params, z.data(), dy.data(), denominator.data(), s.data());
    return s;
  }
};

}  // namespace

TEST_CASE("relevance: what is above a reference and what is below it count by themselves") {
  Steps steps{.count = 3};
  const Doubles x{3, 1, 2}, reference{1, 2, 2}, dy{10, 100, 1000};
  CHECK(steps.difference_part({}, x, reference, dy) == Doubles{20, -100, 0});
  CHECK(steps.difference_part({1, 0}, x, reference, dy) == Doubles{20, 0, 0});
  CHECK(steps.difference_part({0, 1}, x, reference, dy) == Doubles{0, -100, 0});
}

TEST_CASE("relevance: over a difference of next to nothing stands the gradient") {
  Steps steps{.count = 5};
  const Doubles x{3, 1, 2, 2 + 2e-10, 2 - 2e-10}, reference{1, 2, 2 + 5e-11, 2, 2}, given{6, 6, 6, 0, 0},
      gradient{7, 7, 7, 7, 7};
  Doubles dx(5);
  cpu::over_difference(steps.context, 5, x.data(), reference.data(), given.data(), gradient.data(),
                       dx.data());
  CHECK(dx == Doubles{3, -6, 7, 0, 0});
}

TEST_CASE("relevance: a share is stabilised away from zero and taken of the sign that is asked for") {
  Steps steps{.count = 4};
  const Doubles z{2, -2, 2, 0}, dy{3, 3, 3, 3}, denominator{1, -1, 0, 1};
  const ShareParams half{.epsilon = 0.5};
  CHECK(steps.share(half, z, dy, denominator) == Doubles{4, 4, 12, 0});
  CHECK(steps.share({.scale = -2, .epsilon = 0.5}, z, dy, denominator) == Doubles{-8, -8, -24, 0});
  CHECK(steps.share({.epsilon = 0.5, .below = false}, z, dy, denominator) == Doubles{4, 0, 12, 0});
  CHECK(steps.share({.epsilon = 0.5, .above = false}, z, dy, denominator) == Doubles{0, 4, 0, 0});
}

TEST_CASE("relevance: slopes and choices go by the sign") {
  Steps steps{.count = 3};
  const Doubles x{4, -4, 0}, positive{1, 2, 3}, negative{5, 6, 7};
  Doubles y(3);
  cpu::slopes(steps.context, 3, {1.25, 0.5}, x.data(), y.data());
  CHECK(y == Doubles{5, -2, 0});
  cpu::by_sign(steps.context, 3, x.data(), positive.data(), negative.data(), y.data());
  CHECK(y == Doubles{1, 6, 0});
}
