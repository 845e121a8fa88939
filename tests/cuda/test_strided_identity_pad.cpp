// The shortcut without parameters on CUDA against the CPU, bit for bit.
#include "arrays.hpp"
#include "kernels/subsample_pad/subsample_pad.hpp"
#include "modes.hpp"
#include "sentinel.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// Channels on both sides or on none, strides that do and do not divide the extents, one pixel, more than a
/// block's 256 threads.
constexpr SubsamplePadParams kCases[] = {
    {.n = 3,
     .channels = 4,
     .h = 8,
     .w = 6,
     .out_channels = 8,
     .out_h = 4,
     .out_w = 3,
     .stride = 2,
     .front = 2},
    {.n = 2,
     .channels = 3,
     .h = 7,
     .w = 13,
     .out_channels = 5,
     .out_h = 3,
     .out_w = 5,
     .stride = 3,
     .front = 1},
    {.n = 2, .channels = 2, .h = 5, .w = 5, .out_channels = 2, .out_h = 5, .out_w = 5},
    {.n = 1,
     .channels = 1,
     .h = 1,
     .w = 1,
     .out_channels = 3,
     .out_h = 1,
     .out_w = 1,
     .stride = 4,
     .front = 1},
    {.n = 0,
     .channels = 1,
     .h = 2,
     .w = 2,
     .out_channels = 3,
     .out_h = 1,
     .out_w = 1,
     .stride = 2,
     .front = 1},
};

std::int64_t input_size(const SubsamplePadParams& p) { return p.n * p.channels * p.h * p.w; }
std::int64_t output_size(const SubsamplePadParams& p) { return p.n * p.out_channels * p.out_h * p.out_w; }

}  // namespace

TEST_CASE("subsample and pad: CUDA equals the CPU forward and backward") {
  in_every_mode([] {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    for (const SubsamplePadParams& p : kCases) {
      CAPTURE(p.h);
      const std::vector<float> x = awkward_values(input_size(p), "cuda.subsample.x"),
                               dy = awkward_values(output_size(p), "cuda.subsample.dy");
      std::vector<float> y(dy.size()), dx(x.size());
      cpu::subsample_pad_forward(host, p, x.data(), y.data());
      cpu::subsample_pad_backward(host, p, dy.data(), dx.data());
      Guarded device_x(device, x), device_y(device, unwritten(output_size(p)));
      Guarded device_dy(device, dy), device_dx(device, unwritten(input_size(p)));
      cuda::subsample_pad_forward(device, p, device_x.data(), device_y.data());
      cuda::subsample_pad_backward(device, p, device_dy.data(), device_dx.data());
      check_exact(device_y.values(), y);
      check_exact(device_dx.values(), dx);
    }
  });
}

TEST_CASE("subsample and pad: what 32-bit indices cannot hold is refused") {
  const FreshDevice fresh;
  Context device({Device::Kind::cuda}, 1);
  const SubsamplePadParams p{.n = 1 << 15,
                             .channels = 64,
                             .h = 32,
                             .w = 32,
                             .out_channels = 128,
                             .out_h = 16,
                             .out_w = 16,
                             .stride = 2,
                             .front = 32};
  const auto refusal = doctest::Contains("[subsample_pad] 2147483648 elements are too many");
  CHECK_THROWS_WITH_AS(cuda::subsample_pad_forward(device, p, nullptr, nullptr), refusal, Error);
  CHECK_THROWS_WITH_AS(cuda::subsample_pad_backward(device, p, nullptr, nullptr), refusal, Error);
}

TEST_CASE("subsample and pad: bytes follow from the equations") {
  CHECK(cuda::subsample_pad_forward_cost(kCases[0]) == Cost{4 * 3 * 12 * 12, 0});
  CHECK(cuda::subsample_pad_backward_cost(kCases[0]) == Cost{4 * 3 * 4 * (12 + 48), 0});
}
