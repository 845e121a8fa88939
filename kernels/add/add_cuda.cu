// Predicted limit: memory; add_forward_cost over the card's bandwidth is the least time. One pass; the
// backward is a copy.
#include "kernels/add/add.hpp"
#include "kernels/elementwise.cuh"

namespace backlight::cuda {
namespace {

struct Add {
  __device__ float operator()(float a, float b) const { return a + b; }
};

}  // namespace

void add_forward(Context& context, std::int64_t count, const float* a, const float* b, float* y) {
  elementwise(context, count, Add{}, y, a, b);
}

void add_backward(Context& context, std::int64_t count, const float* dy, float* dx) {
  enqueue_copy(context, dx, dy, static_cast<std::size_t>(count) * sizeof(float));
}

}  // namespace backlight::cuda
