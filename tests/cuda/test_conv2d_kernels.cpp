// The kernels beside cuDNN's: bias, residual and ReLU in one pass, the way to float16 and back, the bias's
// gradient.
#include <cuda_fp16.h>

#include <cmath>
#include <limits>
#include <utility>

#include "arrays.hpp"
#include "kernels/conv2d/conv2d_cuda.hpp"
#include "modes.hpp"
#include "sentinel.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

constexpr double kConv2dKernelsInfinity = std::numeric_limits<double>::infinity();

/// One element; planes that a vector of four spans, and several of them; more than a block; more than a tile.
constexpr cuda::Layout kConv2dKernelsShapes[] = {{1, 1, 1},  {2, 3, 1},   {1, 5, 3},   {3, 2, 7},
                                                 {2, 5, 49}, {1, 33, 65}, {1, 3, 1031}};

Conv2dParams params_of(const cuda::Layout& l) {
  return {.batch = l.batch, .out_channels = l.channels, .out_height = 1, .out_width = l.plane};
}

}  // namespace

TEST_CASE("conv2d epilogue: bias and residual and ReLU in one pass") {
  in_every_mode([] {
    Context device({Device::Kind::cuda}, 1);
    for (const cuda::Layout& l : kConv2dKernelsShapes)
      for (const auto& [offset, residual_offset] : {std::pair{0, 0}, {1, 1}, {0, 1}}) {
        const std::int64_t count = l.batch * l.channels * l.plane;
        std::vector<float> before = uniform(count, "epilogue.y", -4, 4);
        const std::vector<float> bias = uniform(l.channels, "epilogue.bias"),
                                 residual = uniform(count, "epilogue.r");
        before[0] = NAN;
        Guarded b(device, bias), r(device, residual, residual_offset);
        for (const bool with_bias : {false, true})
          for (const bool with_residual : {false, true})
            for (const double upper : {0.0, 2.0, kConv2dKernelsInfinity}) {  // 0 stands for no ReLU
              std::vector<float> expected = before;
              for (std::int64_t i = 0; i < count; ++i) {
                float& y = expected[static_cast<std::size_t>(i)];
                if (with_bias) y += bias[static_cast<std::size_t>(i / l.plane % l.channels)];
                if (with_residual) y += residual[static_cast<std::size_t>(i)];
                if (upper > 0 && y < 0) y = 0;
                if (upper > 0 && y > static_cast<float>(upper)) y = static_cast<float>(upper);
              }
              Guarded y(device, before, offset);
              cuda::conv2d_epilogue(device, params_of(l), with_bias ? b.data() : nullptr,
                                    {with_residual ? r.data() : nullptr, upper > 0, upper}, y.data());
              const std::vector<float> found = y.values();
              CHECK(std::isnan(found[0]));
              CHECK(same_bits({found.begin() + 1, found.end()}, {expected.begin() + 1, expected.end()}));
            }
      }
  });
}

TEST_CASE("conv2d in float16: values are rounded and their channels become neighbours and return") {
  in_every_mode([] {
    Context device({Device::Kind::cuda}, 1);
    for (const cuda::Layout& l : kConv2dKernelsShapes) {
      const std::int64_t count = l.batch * l.channels * l.plane;
      const std::vector<float> values = uniform(count, "half.x", -100, 100),
                               before = uniform(count, "half.y");
      Guarded x(device, values),
          packed(device, std::vector<float>(static_cast<std::size_t>((count + 1) / 2)));
      Guarded y(device, before), sum(device, before);
      auto* bits = reinterpret_cast<cuda::Half*>(packed.data());
      cuda::to_half_nhwc(device, l, x.data(), bits);
      cuda::from_half_nhwc(device, l, bits, false, y.data());
      cuda::from_half_nhwc(device, l, bits, true, sum.data());
      std::vector<float> rounded, added;
      for (std::size_t i = 0; i < values.size(); ++i) {
        rounded.push_back(__half2float(__float2half_rn(values[i])));
        added.push_back(before[i] + rounded[i]);
      }
      CHECK(same_bits(y.values(), rounded));
      CHECK(same_bits(sum.values(), added));
      const std::vector<float> halves = packed.values();
      const auto* stored = reinterpret_cast<const cuda::Half*>(halves.data());
      const std::int64_t n = l.batch - 1, c = l.channels - 1, i = l.plane / 2;
      const auto expected =
          __float2half_rn(values[static_cast<std::size_t>((n * l.channels + c) * l.plane + i)]);
      CHECK(stored[(n * l.plane + i) * l.channels + c] == std::bit_cast<cuda::Half>(expected));
    }
  });
}

TEST_CASE("conv2d: the bias's gradient adds up each channel of all images") {
  in_every_mode([] {
    Context device({Device::Kind::cuda}, 1);
    for (const cuda::Layout& l : kConv2dKernelsShapes) {
      const std::vector<float> dy = uniform(l.batch * l.channels * l.plane, "db.dy"),
                               before = uniform(l.channels, "db.db");
      std::vector<float> expected;
      for (std::int64_t c = 0; c < l.channels; ++c) {
        double total = before[static_cast<std::size_t>(c)];
        for (std::int64_t n = 0; n < l.batch; ++n)
          for (std::int64_t i = 0; i < l.plane; ++i)
            total += dy[static_cast<std::size_t>((n * l.channels + c) * l.plane + i)];
        expected.push_back(static_cast<float>(total));
      }
      Guarded device_dy(device, dy), db(device, before);
      cuda::conv2d_backward_bias(device, params_of(l), device_dy.data(), db.data());
      CHECK(relative_difference(db.values(), expected) <= 1e-5);
    }
  });
}

TEST_CASE("conv2d: arrays beyond what one kernel can number are refused") {
  const FreshDevice fresh;
  Context device({Device::Kind::cuda}, 1);
  const std::int64_t many = std::int64_t{1} << 42;
  CHECK_THROWS_WITH_AS(cuda::conv2d_epilogue(device, params_of({1, 1, many}), nullptr, {}, nullptr),
                       doctest::Contains("too large for one kernel"), Error);
  CHECK_THROWS_WITH_AS(cuda::to_half_nhwc(device, {1, 1, many}, nullptr, nullptr),
                       doctest::Contains("too large for one kernel"), Error);
}
