// Predicted limit: memory; the costs of broadcast_add.hpp over the card's bandwidth are the least times.
#include "engine/runtime/cuda/enqueue.hpp"
#include "kernels/broadcast_add/broadcast_add.hpp"
#include "kernels/reduce.cuh"

namespace backlight::cuda {
namespace {

/// A thread per element of y.
__global__ void __launch_bounds__(kRowThreads)
    forward_kernel(unsigned count, unsigned repeats, unsigned inner, const float* a,
                   const float* __restrict__ b, float* y) {
  const unsigned index = blockIdx.x * kRowThreads + threadIdx.x;
  if (index >= count) return;
  const unsigned line = index / inner, i = index - line * inner;
  y[index] = a[index] + __ldg(b + line / repeats * inner + i);
}

/// A thread per element of b; neighbours load neighbours.
__global__ void __launch_bounds__(kRowThreads)
    backward_kernel(unsigned count, unsigned repeats, unsigned inner, const float* __restrict__ dy,
                    float* __restrict__ db) {
  const unsigned index = blockIdx.x * kRowThreads + threadIdx.x;
  if (index >= count) return;
  const unsigned o = index / inner;
  const float* first = dy + o * repeats * inner + (index - o * inner);
  db[index] = row_sum<float>(ThreadRow{}, repeats, [=](std::int64_t r) { return __ldg(first + r * inner); });
}

}  // namespace

void broadcast_add_forward(Context& context, const BroadcastAddParams& p, const float* a, const float* b,
                           float* y) {
  const unsigned count = index32(p.outer * p.repeats * p.inner, "broadcast_add");
  if (count == 0) return;
  CUDA_CHECK(launch(forward_kernel, blocks_for(count, kRowThreads, "broadcast_add"), kRowThreads, 0,
                    stream_of(context), count, p.repeats, p.inner, a, b, y));
}

void broadcast_add_backward(Context& context, const BroadcastAddParams& p, const float* dy, float* db) {
  index32(p.outer * p.repeats * p.inner, "broadcast_add");
  const unsigned count = index32(p.outer * p.inner, "broadcast_add");
  if (count == 0) return;
  CUDA_CHECK(launch(backward_kernel, blocks_for(count, kRowThreads, "broadcast_add"), kRowThreads, 0,
                    stream_of(context), count, p.repeats, p.inner, dy, db));
}

}  // namespace backlight::cuda
