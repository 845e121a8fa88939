// ReLU and ReLU6, and the three rules their backward passes obey.
//
//   forward      y = max(x, 0)            ReLU6: y = min(max(x, 0), 6)
//   standard     dx = dy·[y > 0]          ReLU6: dx = dy·[0 < y < 6]
//   deconvnet    dx = dy·[dy > 0]         Zeiler & Fergus 2014 (arXiv:1311.2901)
//   guided       dx = dy·[y > 0]·[dy > 0] Springenberg et al. 2015 (arXiv:1412.6806)
#pragma once

#include <cstdint>

namespace backlight {

class Context;

/// How a backward pass treats every ReLU it meets. Only `standard` is a gradient.
enum class ReluRule : std::uint8_t { standard, deconvnet, guided };

/// `upper` is infinity for ReLU and 6 for ReLU6.
struct ReluParams {
  std::int64_t count = 0;
  double upper = 0;
};

namespace cpu {

/// y may be x. NaN passes through, as in PyTorch.
template <class T>
void relu_forward(Context& context, const ReluParams& params, const T* x, T* y);

/// dx may be dy.
template <class T>
void relu_backward(Context& context, const ReluParams& params, ReluRule rule, const T* y, const T* dy, T* dx);

}  // namespace cpu
}  // namespace backlight
