// One pass over arrays of equal length: y[i] = op(x₀[i], x₁[i], …).
#pragma once

#include <cstdint>
#include <limits>

#include "engine/runtime/cuda/enqueue.hpp"
#include "kernels/grid.hpp"
#include "kernels/launch.hpp"

namespace backlight::cuda {

constexpr int kElementwiseThreads = 256;
constexpr int kElementwiseVectors = 4;  // 16-byte loads in flight per thread and array

/// The first 4·`vectors` elements are moved 16 bytes at a time, the rest one by one. y may be any of x: a
/// thread stores only to elements that it alone loads, and after it has loaded them.
template <class Op, class... X>
__global__ void __launch_bounds__(kElementwiseThreads)
    elementwise_kernel(Op op, std::int64_t count, std::int64_t vectors, float* y, const X*... x) {
  const std::int64_t first =
      std::int64_t{blockIdx.x} * (kElementwiseThreads * kElementwiseVectors) + threadIdx.x;
  float4 value[kElementwiseVectors];
#pragma unroll
  for (int v = 0; v < kElementwiseVectors; ++v) {
    const std::int64_t i = first + v * kElementwiseThreads;
    if (i >= vectors) continue;
    const auto apply = [&](auto... in) {
      return make_float4(op(in.x...), op(in.y...), op(in.z...), op(in.w...));
    };
    value[v] = apply(reinterpret_cast<const float4*>(x)[i]...);
  }
#pragma unroll
  for (int v = 0; v < kElementwiseVectors; ++v) {
    const std::int64_t i = first + v * kElementwiseThreads;
    if (i < vectors) reinterpret_cast<float4*>(y)[i] = value[v];
  }

  const std::int64_t threads = std::int64_t{gridDim.x} * kElementwiseThreads;
  for (std::int64_t i = 4 * vectors + std::int64_t{blockIdx.x} * kElementwiseThreads + threadIdx.x; i < count;
       i += threads)
    y[i] = op(x[i]...);
}

/// Arrays that do not all start at a multiple of 16 bytes are moved element by element.
template <class Op, class... X>
void elementwise(Context& context, std::int64_t count, Op op, float* y, const X*... x) {
  if (count == 0) return;
  const auto aligned = [](const void* pointer) {
    return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0;
  };
  const std::int64_t vectors = aligned(y) && (aligned(x) && ...) ? count / 4 : 0;
  constexpr std::int64_t kPerBlock = 4 * kElementwiseThreads * kElementwiseVectors;
  const std::int64_t blocks = (count + kPerBlock - 1) / kPerBlock;
  if (blocks > std::numeric_limits<int>::max()) refuse_array(count);
  CUDA_CHECK(launch(elementwise_kernel<Op, X...>, static_cast<unsigned>(blocks), kElementwiseThreads, 0,
                    stream_of(context), op, count, vectors, y, x...));
}

}  // namespace backlight::cuda
