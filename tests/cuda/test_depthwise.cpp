// Depthwise convolution on CUDA against plain loops in double.
#include <limits>

#include "arrays.hpp"
#include "kernels/conv2d/depthwise_cuda.hpp"
#include "modes.hpp"
#include "sentinel.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

struct Extent {
  std::int64_t h, w;
};

struct DepthwiseCase {
  const char* name;
  std::int64_t batch, channels;
  Extent in, kernel, stride, dilation, before, after;  // padding above and left, below and right

  Conv2dParams params() const {
    const auto out = [](std::int64_t extent, std::int64_t k, std::int64_t s, std::int64_t d) {
      return (extent - d * (k - 1) - 1) / s + 1;
    };
    return {.batch = batch,
            .in_channels = channels,
            .in_height = in.h,
            .in_width = in.w,
            .out_channels = channels,
            .out_height = out(in.h + before.h + after.h, kernel.h, stride.h, dilation.h),
            .out_width = out(in.w + before.w + after.w, kernel.w, stride.w, dilation.w),
            .kernel_height = kernel.h,
            .kernel_width = kernel.w,
            .stride_height = stride.h,
            .stride_width = stride.w,
            .dilation_height = dilation.h,
            .dilation_width = dilation.w,
            .pad_top = before.h,
            .pad_left = before.w,
            .groups = channels};
  }
};

/// The kernels that have code of their own with odd and even extents, TensorFlow's asymmetric padding,
/// padding beyond the kernel, and what only the general code does.
constexpr DepthwiseCase kDepthwiseCases[] = {
    {"3x3", 2, 3, {7, 7}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
    {"3x3 tall", 1, 2, {19, 5}, {3, 3}, {1, 1}, {1, 1}, {0, 1}, {2, 0}},
    {"3x3 padded beyond", 1, 2, {3, 4}, {3, 3}, {1, 1}, {1, 1}, {4, 3}, {3, 5}},
    {"3x3 stride 2", 2, 3, {8, 9}, {3, 3}, {2, 2}, {1, 1}, {0, 0}, {1, 1}},
    {"3x3 stride 2 odd", 1, 5, {13, 11}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}},
    {"5x5", 2, 3, {7, 9}, {5, 5}, {1, 1}, {1, 1}, {2, 2}, {2, 2}},
    {"5x5 stride 2", 1, 3, {14, 13}, {5, 5}, {2, 2}, {1, 1}, {1, 2}, {2, 2}},
    {"5x5 one", 1, 1, {1, 1}, {5, 5}, {1, 1}, {1, 1}, {2, 2}, {2, 2}},
    {"3x3 stride 3", 1, 2, {10, 10}, {3, 3}, {3, 3}, {1, 1}, {1, 1}, {1, 1}},
    {"3x3 strides 2 and 1", 1, 2, {9, 8}, {3, 3}, {2, 1}, {1, 1}, {1, 1}, {1, 1}},
    {"3x3 dilated", 2, 2, {9, 10}, {3, 3}, {1, 1}, {2, 3}, {2, 3}, {2, 3}},
    {"2x4", 2, 3, {6, 9}, {2, 4}, {2, 3}, {2, 1}, {1, 2}, {0, 1}},
    {"3x5", 1, 2, {6, 8}, {3, 5}, {1, 1}, {1, 1}, {1, 2}, {1, 2}},
    {"4x4 stride 2", 1, 2, {9, 8}, {4, 4}, {2, 2}, {1, 1}, {1, 1}, {2, 1}},
    {"1x1", 1, 4, {5, 5}, {1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}},
    {"2x2 stride 11", 1, 2, {24, 25}, {2, 2}, {11, 11}, {1, 1}, {0, 0}, {0, 0}},
    {"2x2 stride 12", 1, 2, {27, 26}, {2, 2}, {12, 12}, {1, 1}, {1, 0}, {0, 1}},
    {"1x1 stride 21", 1, 1, {44, 22}, {1, 1}, {21, 21}, {1, 1}, {0, 0}, {0, 0}},
    {"4x4 stride 11", 1, 1, {16, 27}, {4, 4}, {11, 11}, {1, 1}, {0, 1}, {1, 0}},
    {"3x5 stride 31", 1, 1, {35, 40}, {3, 5}, {31, 31}, {1, 1}, {0, 0}, {0, 0}},
    {"3x3 dilated stride 51", 1, 1, {57, 60}, {3, 3}, {51, 51}, {2, 2}, {1, 1}, {0, 0}},
    {"3x3 stride 4", 2, 2, {13, 10}, {3, 3}, {4, 4}, {1, 1}, {1, 1}, {1, 1}},
    {"5x5 stride 7", 1, 2, {20, 16}, {5, 5}, {7, 7}, {1, 1}, {2, 2}, {2, 2}},
    {"5x3 strides 5 and 4", 1, 2, {17, 14}, {5, 3}, {5, 4}, {2, 1}, {2, 0}, {1, 2}},
    {"wide", 1, 1, {2, 300}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
};

/// fn(plane, output, tap, input): every product of one tap, as offsets into y, w and x.
template <class Fn>
void for_each_product(const Conv2dParams& p, const Fn& fn) {
  for (std::int64_t plane = 0; plane < p.batch * p.in_channels; ++plane)
    for (std::int64_t row = 0; row < p.out_height; ++row)
      for (std::int64_t column = 0; column < p.out_width; ++column)
        for (std::int64_t r = 0; r < p.kernel_height; ++r)
          for (std::int64_t s = 0; s < p.kernel_width; ++s) {
            const std::int64_t h = row * p.stride_height + r * p.dilation_height - p.pad_top;
            const std::int64_t v = column * p.stride_width + s * p.dilation_width - p.pad_left;
            if (h < 0 || h >= p.in_height || v < 0 || v >= p.in_width) continue;
            fn(static_cast<std::size_t>((plane * p.out_height + row) * p.out_width + column),
               static_cast<std::size_t>((plane % p.in_channels * p.kernel_height + r) * p.kernel_width + s),
               static_cast<std::size_t>((plane * p.in_height + h) * p.in_width + v));
          }
}

struct DepthwiseArrays {
  explicit DepthwiseArrays(const Conv2dParams& p)
      : inputs(p.batch * p.in_channels * p.in_height * p.in_width),
        taps(p.in_channels * p.kernel_height * p.kernel_width),
        outputs(p.batch * p.in_channels * p.out_height * p.out_width),
        x(uniform(inputs, "cuda.depthwise.x")),
        w(uniform(taps, "cuda.depthwise.w")),
        dy(uniform(outputs, "cuda.depthwise.dy")),
        bias(uniform(p.in_channels, "cuda.depthwise.bias")) {}

  std::int64_t inputs, taps, outputs;
  std::vector<float> x, w, dy, bias;
};

std::vector<float> rounded(const std::vector<double>& values) { return {values.begin(), values.end()}; }

std::vector<float> forward(const Conv2dParams& p, const DepthwiseArrays& a, bool bias) {
  std::vector<double> y(a.dy.size());
  const std::size_t area = static_cast<std::size_t>(p.out_height * p.out_width);
  for (std::size_t i = 0; bias && i < y.size(); ++i) y[i] = a.bias[i / area % a.bias.size()];
  for_each_product(p, [&](std::size_t output, std::size_t tap, std::size_t input) {
    y[output] += double{a.w[tap]} * double{a.x[input]};
  });
  return rounded(y);
}

}  // namespace

TEST_CASE("depthwise: CUDA computes y and dx and adds to dw") {
  in_every_mode([] {
    Context device({Device::Kind::cuda}, 1);
    for (const DepthwiseCase& c : kDepthwiseCases) {
      CAPTURE(c.name);
      const Conv2dParams p = c.params();
      const DepthwiseArrays a(p);
      Guarded x(device, a.x), w(device, a.w), dy(device, a.dy), bias(device, a.bias);

      Guarded y(device, unwritten(a.outputs));
      cuda::depthwise_forward(device, p, x.data(), w.data(), {}, y.data());
      CHECK(relative_difference(y.values(), forward(p, a, false)) <= 1e-5);

      std::vector<double> dx(a.x.size()), dw(a.w.begin(), a.w.end());
      for_each_product(p, [&](std::size_t output, std::size_t tap, std::size_t input) {
        dx[input] += double{a.w[tap]} * double{a.dy[output]};
        dw[tap] += double{a.x[input]} * double{a.dy[output]};
      });
      Guarded device_dx(device, unwritten(a.inputs)), device_dw(device, a.w);
      cuda::depthwise_backward_data(device, p, dy.data(), w.data(), device_dx.data());
      CHECK(relative_difference(device_dx.values(), rounded(dx)) <= 1e-5);
      cuda::depthwise_backward_filter(device, p, x.data(), dy.data(), device_dw.data());
      CHECK(relative_difference(device_dw.values(), rounded(dw)) <= 1e-5);
    }
  });
}

TEST_CASE("depthwise: bias and ReLU follow in the same pass on CUDA") {
  in_every_mode([] {
    Context device({Device::Kind::cuda}, 1);
    for (const DepthwiseCase& c :
         {kDepthwiseCases[0], kDepthwiseCases[11]}) {  // a kernel of its own, and the general one
      const Conv2dParams p = c.params();
      DepthwiseArrays a(p);
      a.x[12] = std::numeric_limits<float>::quiet_NaN();
      Guarded x(device, a.x), w(device, a.w), bias(device, a.bias), y(device, unwritten(a.outputs));
      std::vector<float> expected = forward(p, a, true);
      for (float& v : expected) v = v < 0 ? 0.0f : v > 0.75f ? 0.75f : v;
      cuda::depthwise_forward(device, p, x.data(), w.data(), {bias.data(), true, 0.75f}, y.data());
      const std::vector<float> found = y.values();
      std::int64_t nans = 0, zeros = 0, uppers = 0;
      for (std::size_t i = 0; i < found.size(); ++i) {
        if (std::isnan(expected[i]))
          CHECK(std::isnan(found[i]));
        else
          CHECK(std::abs(found[i] - expected[i]) <= 1e-5);
        nans += std::isnan(expected[i]);
        zeros += found[i] == 0.0f;
        uppers += found[i] == 0.75f;
      }
      CHECK(nans > 0);
      CHECK(zeros > 0);
      CHECK(uppers > 0);
    }
  });
}

TEST_CASE("depthwise: on CUDA a batch gives the bits of its images one by one") {
  in_every_mode([] {
    Context device({Device::Kind::cuda}, 1);
    for (const DepthwiseCase& c : {kDepthwiseCases[5], kDepthwiseCases[10]}) {
      const Conv2dParams p = c.params();
      Conv2dParams single = p;
      single.batch = 1;
      const DepthwiseArrays a(p);
      const std::int64_t inputs = a.inputs / p.batch, outputs = a.outputs / p.batch;
      Guarded x(device, a.x), w(device, a.w), y(device, unwritten(a.outputs));
      cuda::depthwise_forward(device, p, x.data(), w.data(), {}, y.data());
      const std::vector<float> together = y.values();
      for (std::ptrdiff_t n = 0; n < p.batch; ++n) {
        Guarded one(device, {a.x.begin() + n * inputs, a.x.begin() + (n + 1) * inputs}, 1);
        Guarded one_y(device, unwritten(outputs));
        cuda::depthwise_forward(device, single, one.data(), w.data(), {}, one_y.data());
        CHECK(one_y.values() ==
              std::vector<float>(together.begin() + n * outputs, together.begin() + (n + 1) * outputs));
      }
    }
  });
}

TEST_CASE("depthwise: on CUDA other groups and too many elements are refused and nothing is no launch") {
  const FreshDevice fresh;
  Context device({Device::Kind::cuda}, 1);
  Conv2dParams p = kDepthwiseCases[0].params();
  p.batch = 0;
  cuda::depthwise_forward(device, p, nullptr, nullptr, {}, nullptr);
  cuda::depthwise_backward_data(device, p, nullptr, nullptr, nullptr);
  p.in_channels = p.out_channels = p.groups = 0;
  cuda::depthwise_backward_filter(device, p, nullptr, nullptr, nullptr);
  CHECK(device_report() == "");
  p = kDepthwiseCases[0].params();
  p.out_channels = 6;
  CHECK_THROWS_WITH_AS(cuda::depthwise_forward(device, p, nullptr, nullptr, {}, nullptr),
                       doctest::Contains("3 channels in, 6 out and 3 groups"), Error);
  p = kDepthwiseCases[0].params();
  p.batch = std::int64_t{1} << 30;
  CHECK_THROWS_WITH_AS(cuda::depthwise_forward(device, p, nullptr, nullptr, {}, nullptr),
                       doctest::Contains("too many elements for one kernel"), Error);
  p = kDepthwiseCases[0].params();
  p.stride_width = std::int64_t{1} << 32;  // as an int it would be 0
  CHECK_THROWS_WITH_AS(cuda::depthwise_forward(device, p, nullptr, nullptr, {}, nullptr),
                       doctest::Contains("its stride, dilation or padding is too large"), Error);
  p = kDepthwiseCases[0].params();
  p.pad_top = std::numeric_limits<int>::max();
  CHECK_THROWS_WITH_AS(cuda::depthwise_forward(device, p, nullptr, nullptr, {}, nullptr),
                       doctest::Contains("its stride, dilation or padding is too large"), Error);
  p = kDepthwiseCases[0].params();
  p.in_height = p.in_width = p.out_height = p.out_width = 1;
  p.kernel_height = p.kernel_width = 1 << 15;
  CHECK_THROWS_WITH_AS(cuda::depthwise_forward(device, p, nullptr, nullptr, {}, nullptr),
                       doctest::Contains("too many elements for one kernel"), Error);
}

TEST_CASE("depthwise: bytes and operations follow from the equations") {
  const Conv2dParams p = kDepthwiseCases[0].params();
  CHECK(cuda::depthwise_cost(p) == Cost{4 * (2 * 6 * 49 + 27), 2 * 6 * 49 * 9});
}
