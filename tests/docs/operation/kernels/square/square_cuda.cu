// Predicted limit: memory; square_forward_cost and square_backward_cost over the card's bandwidth is the
// least time. One pass.
#include "kernels/elementwise.cuh"
#include "kernels/square/square.hpp"

namespace backlight::cuda {
namespace {

struct Square {
  __device__ float operator()(float x) const { return x * x; }
};

struct SquareBackward {
  __device__ float operator()(float x, float dy) const { return 2.0f * x * dy; }
};

}  // namespace

void square_forward(Context& context, std::int64_t count, const float* x, float* y) {
  elementwise(context, count, Square{}, y, x);
}

void square_backward(Context& context, std::int64_t count, const float* x, const float* dy, float* dx) {
  elementwise(context, count, SquareBackward{}, dx, x, dy);
}

}  // namespace backlight::cuda
