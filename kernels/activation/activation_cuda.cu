// Predicted limit: memory; activation_forward_cost and activation_backward_cost over the card's bandwidth is the
// least time. One pass.
#include "kernels/activation/activation.hpp"
#include "kernels/elementwise.cuh"

namespace backlight::cuda {
namespace {

template <class F>
struct Value {
  F f;
  __device__ float operator()(float x) const { return f.value(x); }
};

template <class F>
struct Backward {
  F f;
  __device__ float operator()(float saved, float dy) const { return dy * f.derivative(saved); }
};

}  // namespace

void activation_forward(Context& context, std::int64_t count, const Activation& activation, const float* x,
                        float* y) {
  std::visit([&]<class F>(const F& f) { elementwise(context, count, Value<F>{f}, y, x); }, activation);
}

void activation_backward(Context& context, std::int64_t count, const Activation& activation,
                         const float* saved, const float* dy, float* dx) {
  std::visit([&]<class F>(const F& f) { elementwise(context, count, Backward<F>{f}, dx, saved, dy); },
             activation);
}

}  // namespace backlight::cuda
