// ReLU and ReLU6, and the three rules their backward passes obey.
//
//   forward      y = max(x, 0)            ReLU6: y = min(max(x, 0), 6)
//   standard     dx = dy·[y > 0]          ReLU6: dx = dy·[0 < y < 6]
//   deconvnet    dx = dy·[dy > 0]         Zeiler & Fergus 2014 (arXiv:1311.2901)
//   guided       dx = dy·[y > 0]·[dy > 0] Springenberg et al. 2015 (arXiv:1412.6806)
#pragma once

#include <cstdint>

#include "engine/graph/rule.hpp"
#include "kernels/cost.hpp"

namespace backlight {

class Context;

/// `upper` is infinity for ReLU and 6 for ReLU6.
struct ReluParams {
  std::int64_t count = 0;
  double upper = 0;
};

namespace cpu {

/// y may be x. NaN passes through, as in PyTorch.
template <class T>
void relu_forward(Context& context, const ReluParams& params, const T* x, T* y);

/// dx may be dy. `rule` is one of those three.
template <class T>
void relu_backward(Context& context, const ReluParams& params, BackwardRule rule, const T* y, const T* dy,
                   T* dx);

}  // namespace cpu

/// As cpu:: does, bit for bit, in the context's stream.
namespace cuda {

void relu_forward(Context& context, const ReluParams& params, const float* x, float* y);
void relu_backward(Context& context, const ReluParams& params, BackwardRule rule, const float* y,
                   const float* dy, float* dx);

constexpr Cost relu_forward_cost(const ReluParams& params) { return {8 * params.count, 2 * params.count}; }
/// The deconvnet rule does not look at y.
constexpr Cost relu_backward_cost(const ReluParams& params, BackwardRule rule) {
  const bool reads_y = rule != BackwardRule::deconvnet;
  const std::int64_t comparisons = (reads_y ? 2 : 0) + (rule != BackwardRule::standard ? 1 : 0);
  return {(reads_y ? 12 : 8) * params.count, comparisons * params.count};
}

}  // namespace cuda
}  // namespace backlight
