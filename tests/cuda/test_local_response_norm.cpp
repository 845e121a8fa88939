// Local response normalisation on CUDA against the CPU.
#include "arrays.hpp"
#include "kernels/local_response_norm/local_response_norm.hpp"
#include "modes.hpp"
#include "sentinel.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

constexpr double kLocalResponseNormTolerance = 1e-6;  // a GPU contracts multiplications and additions

/// Odd, even and single windows, one wider than the channels; AlexNet's power and another; one channel, more
/// than a block's 32; planes below, at and above 32 positions.
constexpr LocalResponseNormParams kLocalResponseNormCases[] = {
    {.batch = 2, .channels = 7, .plane = 35, .size = 5, .alpha = 0.5},
    {.batch = 1, .channels = 41, .plane = 9, .size = 4, .alpha = 0.3, .beta = 0.6, .k = 2},
    {.batch = 3, .channels = 1, .plane = 32, .size = 3, .alpha = 0.2},
    {.batch = 1, .channels = 3, .plane = 1, .size = 50, .alpha = 2},
    {.batch = 2, .channels = 70, .plane = 3, .size = 1, .alpha = 0.7, .beta = 1.5},
    {.batch = 0, .channels = 4, .plane = 9},
};

}  // namespace

TEST_CASE("local response norm: CUDA agrees with the CPU forward and backward") {
  in_every_mode([] {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    for (const LocalResponseNormParams& p : kLocalResponseNormCases) {
      CAPTURE(p.size);
      const std::int64_t count = p.batch * p.channels * p.plane;
      const std::vector<float> x = awkward_values(count, "cuda.lrn.x"),
                               dy = awkward_values(count, "cuda.lrn.dy");
      std::vector<float> y(x.size()), scale(x.size()), dx(x.size());
      cpu::local_response_norm_forward(host, p, x.data(), y.data(), scale.data());
      cpu::local_response_norm_backward(host, p, x.data(), scale.data(), dy.data(), dx.data());
      Guarded device_x(device, x), device_dy(device, dy), device_scale(device, unwritten(count));
      Guarded device_y(device, unwritten(count)), device_dx(device, unwritten(count));
      cuda::local_response_norm_forward(device, p, device_x.data(), device_y.data(), device_scale.data());
      CHECK(relative_difference(device_y.values(), y) <= kLocalResponseNormTolerance);
      CHECK(relative_difference(device_scale.values(), scale) <= kLocalResponseNormTolerance);
      cuda::local_response_norm_backward(device, p, device_x.data(), device_scale.data(), device_dy.data(),
                                         device_dx.data());
      CHECK(relative_difference(device_dx.values(), dx) <= kLocalResponseNormTolerance);
    }
  });
}

TEST_CASE("local response norm: an image's result does not depend on the batch") {
  in_every_mode([] {
    Context device({Device::Kind::cuda}, 1);
    const LocalResponseNormParams batch{.batch = 3, .channels = 6, .plane = 37, .alpha = 0.4};
    LocalResponseNormParams single = batch;
    single.batch = 1;
    const std::int64_t image = batch.channels * batch.plane;
    const std::vector<float> x = uniform(3 * image, "cuda.lrn.batch");
    const auto pass = [&](const LocalResponseNormParams& p, const std::vector<float>& values) {
      Guarded in(device, values), y(device, unwritten(p.batch * image)),
          scale(device, unwritten(p.batch * image)), dx(device, unwritten(p.batch * image));
      cuda::local_response_norm_forward(device, p, in.data(), y.data(), scale.data());
      cuda::local_response_norm_backward(device, p, in.data(), scale.data(), y.data(), dx.data());
      return dx.values();
    };
    const std::vector<float> all = pass(batch, x);
    check_exact(pass(single, {x.end() - image, x.end()}), {all.end() - image, all.end()});
  });
}

TEST_CASE("local response norm backward: windows beyond shared memory are refused with both sides named") {
  const FreshDevice fresh;
  Context device({Device::Kind::cuda}, 1);
  const LocalResponseNormParams p{.batch = 1, .channels = 400, .plane = 9, .size = 399};
  CHECK_THROWS_WITH_AS(cuda::local_response_norm_backward(device, p, nullptr, nullptr, nullptr, nullptr),
                       "[local_response_norm] windows of 399 among 400 channels reach over 400 channels of a "
                       "block, at most 384 fit in shared memory: use the device cpu",
                       Error);
}

TEST_CASE("local response norm: bytes and operations follow from the equations") {
  const LocalResponseNormParams p{.batch = 2, .channels = 5, .plane = 10, .size = 3};
  CHECK(cuda::local_response_norm_forward_cost(p) == Cost{1200, 1000});
  CHECK(cuda::local_response_norm_backward_cost(p) == Cost{1600, 1000});
}
