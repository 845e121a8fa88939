// The arrays of one convolution, what the CPU makes of them, and how far CUDA is from that.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "arrays.hpp"
#include "cuda_device.hpp"
#include "engine/runtime/cuda/stream.hpp"
#include "engine/runtime/device.hpp"
#include "kernels/conv2d/plans_cuda.hpp"
#include "kernels/conv2d_cases.hpp"
#include "sentinel.hpp"

namespace backlight::test {

struct ConvArrays {
  explicit ConvArrays(const Conv2dParams& params) : p(params) {
    Context host({}, 1);
    cpu::conv2d_forward<float>(host, p, x.data(), w.data(), bias.data(), y.data());
    cpu::conv2d_backward_data<float>(host, p, dy.data(), w.data(), dx.data());
    cpu::conv2d_backward_filter<float>(host, p, x.data(), dy.data(), dw.data());
    cpu::conv2d_backward_bias<float>(host, p, dy.data(), db.data());
  }
  explicit ConvArrays(const Conv2dCase& c)
      : ConvArrays(*conv2d_params(*conv2d(c.x[1], c.out, c.options), c.x)) {}

  /// y with an epilogue, by the CPU.
  std::vector<float> fused(bool with_bias, bool with_residual, bool relu, double upper) const {
    Context host({}, 1);
    std::vector<float> result(y.size());
    cpu::conv2d_fused_forward<float>(host, p, x.data(), w.data(), nullptr, with_bias ? bias.data() : nullptr,
                                     {with_residual ? residual.data() : nullptr, relu, upper}, result.data());
    return result;
  }

  Conv2dParams p;
  std::int64_t inputs = p.batch * p.in_channels * p.in_height * p.in_width;
  std::int64_t weights = p.out_channels * p.in_channels / p.groups * p.kernel_height * p.kernel_width;
  std::int64_t outputs = p.batch * p.out_channels * p.out_height * p.out_width;
  std::vector<float> x = uniform(inputs, "conv.x"), w = uniform(weights, "conv.w"),
                     bias = uniform(p.out_channels, "conv.bias"), dy = uniform(outputs, "conv.dy"),
                     residual = uniform(outputs, "conv.residual");
  /// What dw and db held before something was added.
  std::vector<float> dw_before = uniform(weights, "conv.dw"), db_before = uniform(p.out_channels, "conv.db");
  std::vector<float> y = unwritten(outputs), dx = unwritten(inputs), dw = dw_before, db = db_before;
};

/// 3×3 with padding, small.
inline constexpr Conv2dParams kSmall{.batch = 2,
                                     .in_channels = 3,
                                     .in_height = 7,
                                     .in_width = 6,
                                     .out_channels = 5,
                                     .out_height = 7,
                                     .out_width = 6,
                                     .kernel_height = 3,
                                     .kernel_width = 3,
                                     .pad_top = 1,
                                     .pad_left = 1};

inline cuda::ConvPlans& plans_of(Context& context) { return context.stream().part<cuda::ConvPlans>(); }

/// The largest error of forward and of the gradients; those of parameters add to what was there. Offset by
/// `offset` floats from a multiple of 256 bytes.
inline double error_of(Context& context, const ConvArrays& c, std::int64_t offset = 0) {
  Guarded x(context, c.x, offset), w(context, c.w), bias(context, c.bias), dy(context, c.dy, offset);
  Guarded y(context, unwritten(c.outputs)), dx(context, unwritten(c.inputs)), dw(context, c.dw_before);
  cuda::conv2d_forward(context, c.p, x.data(), w.data(), bias.data(), y.data());
  cuda::conv2d_backward_data(context, c.p, dy.data(), w.data(), dx.data());
  cuda::conv2d_backward_filter(context, c.p, x.data(), dy.data(), dw.data());
  return std::max({relative_difference(y.values(), c.y), relative_difference(dx.values(), c.dx),
                   relative_difference(dw.values(), c.dw)});
}

/// What the error says that `fn` throws; fails where it throws none of this kind.
inline std::string message_of(ErrorKind kind, const std::function<void()>& fn) {
  try {
    fn();
  } catch (const Error& error) {
    CHECK(error.kind() == kind);
    return error.what();
  }
  FAIL_CHECK("no error was thrown");
  return {};
}

}  // namespace backlight::test
