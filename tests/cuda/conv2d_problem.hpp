// The arrays of one convolution, and what the CPU makes of them.
#pragma once

#include <string_view>
#include <vector>

#include "arrays.hpp"
#include "engine/device.hpp"
#include "kernels/conv2d_cases.hpp"

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
    cpu::conv2d_fused_forward<float>(host, p, x.data(), w.data(), with_bias ? bias.data() : nullptr,
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

}  // namespace backlight::test
