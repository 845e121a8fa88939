// The bias's gradient. Predicted limit: memory; linear_backward_bias_cost over the card's bandwidth is the
// least time.
#include "engine/runtime/cuda/enqueue.hpp"
#include "kernels/linear/linear.hpp"
#include "kernels/reduce.cuh"

namespace backlight::cuda {
namespace {

/// A thread per output walks the images in their order, as the CPU does; neighbours load neighbours.
__global__ void __launch_bounds__(kRowThreads)
    backward_bias_kernel(LinearParams p, const float* __restrict__ dy, float* __restrict__ db) {
  const std::int64_t o = std::int64_t{blockIdx.x} * kRowThreads + threadIdx.x;
  if (o >= p.out) return;
  float sum = db[o];
#pragma unroll 8
  for (std::int64_t n = 0; n < p.batch; ++n) sum += dy[n * p.out + o];
  db[o] = sum;
}

}  // namespace

void linear_backward_bias(Context& context, const LinearParams& p, const float* dy, float* db) {
  CUDA_CHECK(launch(backward_bias_kernel, blocks_for(p.out, kRowThreads, "linear"), kRowThreads, 0,
                    stream_of(context), p, dy, db));
}

}  // namespace backlight::cuda
