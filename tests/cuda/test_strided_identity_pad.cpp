// The shortcut without parameters on CUDA against the CPU, bit for bit.
#include "arrays.hpp"
#include "kernels/strided_identity_pad/strided_identity_pad.hpp"
#include "modes.hpp"
#include "sentinel.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// Channels on both sides or on none, strides that do and do not divide the extents, one pixel, more than a
/// block's 256 threads.
constexpr StridedIdentityPadParams kStridedIdentityPadCases[] = {
    {.batch = 3,
     .channels = 4,
     .in_height = 8,
     .in_width = 6,
     .out_channels = 8,
     .out_height = 4,
     .out_width = 3,
     .stride = 2,
     .front = 2},
    {.batch = 2,
     .channels = 3,
     .in_height = 7,
     .in_width = 13,
     .out_channels = 5,
     .out_height = 3,
     .out_width = 5,
     .stride = 3,
     .front = 1},
    {.batch = 2,
     .channels = 2,
     .in_height = 5,
     .in_width = 5,
     .out_channels = 2,
     .out_height = 5,
     .out_width = 5},
    {.batch = 1,
     .channels = 1,
     .in_height = 1,
     .in_width = 1,
     .out_channels = 3,
     .out_height = 1,
     .out_width = 1,
     .stride = 4,
     .front = 1},
    {.batch = 0,
     .channels = 1,
     .in_height = 2,
     .in_width = 2,
     .out_channels = 3,
     .out_height = 1,
     .out_width = 1,
     .stride = 2,
     .front = 1},
};

std::int64_t strided_identity_pad_input_size(const StridedIdentityPadParams& p) {
  return p.batch * p.channels * p.in_height * p.in_width;
}
std::int64_t output_size(const StridedIdentityPadParams& p) {
  return p.batch * p.out_channels * p.out_height * p.out_width;
}

}  // namespace

TEST_CASE("subsample and pad: CUDA equals the CPU forward and backward") {
  in_every_mode([] {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    for (const StridedIdentityPadParams& p : kStridedIdentityPadCases) {
      CAPTURE(p.in_height);
      const std::vector<float> x = awkward_values(strided_identity_pad_input_size(p), "cuda.subsample.x"),
                               dy = awkward_values(output_size(p), "cuda.subsample.dy");
      std::vector<float> y(dy.size()), dx(x.size());
      cpu::strided_identity_pad_forward(host, p, x.data(), y.data());
      cpu::strided_identity_pad_backward(host, p, dy.data(), dx.data());
      Guarded device_x(device, x), device_y(device, unwritten(output_size(p)));
      Guarded device_dy(device, dy), device_dx(device, unwritten(strided_identity_pad_input_size(p)));
      cuda::strided_identity_pad_forward(device, p, device_x.data(), device_y.data());
      cuda::strided_identity_pad_backward(device, p, device_dy.data(), device_dx.data());
      check_exact(device_y.values(), y);
      check_exact(device_dx.values(), dx);
    }
  });
}

TEST_CASE("subsample and pad: what 32-bit indices cannot hold is refused") {
  const FreshDevice fresh;
  Context device({Device::Kind::cuda}, 1);
  const StridedIdentityPadParams p{.batch = 1 << 15,
                                   .channels = 64,
                                   .in_height = 32,
                                   .in_width = 32,
                                   .out_channels = 128,
                                   .out_height = 16,
                                   .out_width = 16,
                                   .stride = 2,
                                   .front = 32};
  const auto refusal = doctest::Contains("[strided_identity_pad] 2147483648 elements are too many");
  CHECK_THROWS_WITH_AS(cuda::strided_identity_pad_forward(device, p, nullptr, nullptr), refusal, Error);
  CHECK_THROWS_WITH_AS(cuda::strided_identity_pad_backward(device, p, nullptr, nullptr), refusal, Error);
}

TEST_CASE("subsample and pad: bytes follow from the equations") {
  CHECK(cuda::strided_identity_pad_forward_cost(kStridedIdentityPadCases[0]) == Cost{4 * 3 * 12 * 12, 0});
  CHECK(cuda::strided_identity_pad_backward_cost(kStridedIdentityPadCases[0]) ==
        Cost{4 * 3 * 4 * (12 + 48), 0});
}
