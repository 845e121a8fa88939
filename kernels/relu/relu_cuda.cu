// Predicted limit: memory; relu_forward_cost and relu_backward_cost over the card's bandwidth is the least
// time. One pass.
#include "kernels/elementwise.cuh"
#include "kernels/relu/relu.hpp"

namespace backlight::cuda {
namespace {

struct Forward {
  float upper;
  __device__ float operator()(float x) const {
    const float positive = x < 0.0f ? 0.0f : x;
    return positive > upper ? upper : positive;
  }
};

struct StandardBackward {
  float upper;
  __device__ float operator()(float y, float dy) const { return y > 0.0f && y < upper ? dy : 0.0f; }
};

struct DeconvnetBackward {
  __device__ float operator()(float dy) const { return dy > 0.0f ? dy : 0.0f; }
};

struct GuidedBackward {
  float upper;
  __device__ float operator()(float y, float dy) const {
    return y > 0.0f && y < upper && dy > 0.0f ? dy : 0.0f;
  }
};

}  // namespace

void relu_forward(Context& context, const ReluParams& params, const float* x, float* y) {
  elementwise(context, params.count, Forward{static_cast<float>(params.upper)}, y, x);
}

void relu_backward(Context& context, const ReluParams& params, BackwardRule rule, const float* y,
                   const float* dy, float* dx) {
  const float upper = static_cast<float>(params.upper);
  switch (rule) {
    case BackwardRule::deconvnet:
      return elementwise(context, params.count, DeconvnetBackward{}, dx, dy);
    case BackwardRule::guided:
      return elementwise(context, params.count, GuidedBackward{upper}, dx, y, dy);
    default:
      return elementwise(context, params.count, StandardBackward{upper}, dx, y, dy);
  }
}

}  // namespace backlight::cuda
