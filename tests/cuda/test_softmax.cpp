// Softmax and log-softmax against the CPU.
#include <limits>

#include "arrays.hpp"
#include "kernels/softmax/softmax.hpp"
#include "modes.hpp"
#include "sentinel.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// One class; rows below, at and above a warp, the 128 that a warp takes alone, and a block; maps with more
/// positions than a block has threads.
constexpr SoftmaxParams kSoftmaxShapes[] = {{1, 1, 1},   {3, 5, 1},    {2, 32, 1}, {2, 128, 1},  {2, 129, 1},
                                            {1, 257, 1}, {1, 1000, 1}, {2, 7, 13}, {1, 21, 391}, {1, 1, 4}};
constexpr double kSoftmaxTolerance = 1e-5;  // the CPU sums in double, CUDA in float

std::int64_t count_of(const SoftmaxParams& p) { return p.outer * p.classes * p.inner; }

using Forward = void (*)(Context&, const SoftmaxParams&, const float*, float*);
using Backward = void (*)(Context&, const SoftmaxParams&, const float*, const float*, float*);

struct Operation {
  const char* name;
  Forward expected_forward, forward;
  Backward expected_backward, backward;
};
constexpr Operation kOperations[] = {
    {"softmax", cpu::softmax_forward<float>, cuda::softmax_forward, cpu::softmax_backward<float>,
     cuda::softmax_backward},
    {"log_softmax", cpu::log_softmax_forward<float>, cuda::log_softmax_forward,
     cpu::log_softmax_backward<float>, cuda::log_softmax_backward},
};

}  // namespace

TEST_CASE("softmax: CUDA agrees with the CPU forward and backward") {
  in_every_mode([] {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    for (const Operation& operation : kOperations)
      for (const SoftmaxParams& p : kSoftmaxShapes) {
        CAPTURE(operation.name);
        CAPTURE(p.classes);
        const std::vector<float> x = uniform(count_of(p), "cuda.softmax.x", -8, 8);
        const std::vector<float> dy = uniform(count_of(p), "cuda.softmax.dy");
        std::vector<float> y(x.size()), dx(x.size());
        operation.expected_forward(host, p, x.data(), y.data());
        operation.expected_backward(host, p, y.data(), dy.data(), dx.data());

        Guarded device_x(device, x, 1), device_y(device, unwritten(count_of(p)));
        operation.forward(device, p, device_x.data(), device_y.data());
        CHECK(relative_difference(device_y.values(), y) <= kSoftmaxTolerance);
        CHECK(device_x.values() == x);
        operation.forward(device, p, device_x.data(), device_x.data());
        CHECK(same_bits(device_x.values(), device_y.values()));

        Guarded saved(device, y), device_dy(device, dy), device_dx(device, unwritten(count_of(p)));
        operation.backward(device, p, saved.data(), device_dy.data(), device_dx.data());
        CHECK(relative_difference(device_dx.values(), dx) <= kSoftmaxTolerance);
      }
  });
}

TEST_CASE("softmax: CUDA spoils a distribution with a NaN and no other and gives -inf no probability") {
  in_every_mode([] {
    Context device({Device::Kind::cuda}, 1);
    constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    const std::vector<float> x{1, kNan, 2, kNan, 1, 2, -kInfinity, 1000, -1000};
    Guarded device_x(device, x), y(device, unwritten(9));
    for (const Operation& operation : kOperations) {
      const bool log = &operation != kOperations;
      operation.forward(device, {3, 3, 1}, device_x.data(), y.data());
      const std::vector<float> found = y.values();
      CHECK(std::all_of(found.begin(), found.begin() + 6, [](float v) { return std::isnan(v); }));
      CHECK(found[6] == (log ? -kInfinity : 0));
      CHECK(found[7] == (log ? 0.0f : 1.0f));
      CHECK(found[8] == (log ? -2000.0f : 0.0f));
    }
  });
}

TEST_CASE("softmax: on CUDA a batch gives the bits of its images one by one") {
  in_every_mode([] {
    Context device({Device::Kind::cuda}, 1);
    for (const SoftmaxParams& p : {SoftmaxParams{3, 131, 1}, {3, 5, 7}}) {
      const std::int64_t each = p.classes * p.inner;
      const std::vector<float> x = uniform(3 * each, "cuda.softmax.batch", -8, 8);
      Guarded all(device, x), y(device, unwritten(3 * each));
      cuda::softmax_forward(device, p, all.data(), y.data());
      const std::vector<float> together = y.values();
      for (std::ptrdiff_t n = 0; n < 3; ++n) {
        Guarded one(device, {x.begin() + n * each, x.begin() + (n + 1) * each}, 3);
        Guarded one_y(device, unwritten(each));
        cuda::softmax_forward(device, {1, p.classes, p.inner}, one.data(), one_y.data());
        CHECK(one_y.values() ==
              std::vector<float>(together.begin() + n * each, together.begin() + (n + 1) * each));
      }
    }
  });
}

TEST_CASE("softmax: on CUDA nothing is no launch and too many rows are refused") {
  const FreshDevice fresh;
  Context device({Device::Kind::cuda}, 1);
  cuda::softmax_forward(device, {0, 10, 1}, nullptr, nullptr);
  cuda::log_softmax_backward(device, {2, 10, 0}, nullptr, nullptr, nullptr);
  CHECK(device_report() == "");
  CHECK_THROWS_WITH_AS(cuda::softmax_forward(device, {std::int64_t{1} << 31, 1, 1}, nullptr, nullptr),
                       doctest::Contains("[softmax] 2147483648 items are too many"), Error);
}

TEST_CASE("softmax: bytes and operations follow from the equations") {
  CHECK(cuda::softmax_forward_cost({2, 5, 3}) == Cost{240, 150});
  CHECK(cuda::softmax_backward_cost({2, 5, 3}) == Cost{360, 120});
}
