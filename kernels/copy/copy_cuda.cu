// Predicted limit: memory; copy_rows_cost over the card's bandwidth is the least time.
#include "engine/runtime/cuda/enqueue.hpp"
#include "kernels/copy/copy.hpp"
#include "kernels/grid.hpp"
#include "kernels/launch.hpp"

namespace backlight::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kLoads = 4;  // in flight per thread

/// A block copies up to kThreads·kLoads vectors of one row, which takes `tiles` blocks. Counts and strides
/// are in vectors.
template <class Vector>
__global__ void __launch_bounds__(kThreads)
    copy_rows_kernel(const Vector* __restrict__ x, Vector* __restrict__ y, std::int64_t count,
                     std::int64_t x_stride, std::int64_t y_stride, unsigned tiles) {
  const std::int64_t row = blockIdx.x / tiles;
  const std::int64_t first = std::int64_t{blockIdx.x % tiles} * (kThreads * kLoads) + threadIdx.x;
  x += row * x_stride;
  y += row * y_stride;
  Vector value[kLoads];
#pragma unroll
  for (int v = 0; v < kLoads; ++v)
    if (first + v * kThreads < count) value[v] = x[first + v * kThreads];
#pragma unroll
  for (int v = 0; v < kLoads; ++v)
    if (first + v * kThreads < count) y[first + v * kThreads] = value[v];
}

template <class Vector>
void copy_rows_by(Context& context, const CopyParams& p, const float* x, float* y) {
  constexpr std::int64_t kFloats = sizeof(Vector) / sizeof(float);
  const std::int64_t count = p.count / kFloats;
  const unsigned tiles = blocks_for(count, kThreads * kLoads, "copy_rows");
  CUDA_CHECK(launch(copy_rows_kernel<Vector>, blocks_for(p.rows * tiles, 1, "copy_rows"), kThreads, 0,
                    stream_of(context), reinterpret_cast<const Vector*>(x), reinterpret_cast<Vector*>(y),
                    count, p.x_stride / kFloats, p.y_stride / kFloats, tiles));
}

}  // namespace

void copy_rows(Context& context, const CopyParams& p, const float* x, float* y) {
  if (p.rows == 0 || p.count == 0) return;
  if (p.rows == 1 || (p.x_stride == p.count && p.y_stride == p.count))
    return enqueue_copy(context, y, x, static_cast<std::size_t>(p.rows * p.count) * sizeof(float));
  const auto aligned = [](const void* pointer) {
    return reinterpret_cast<std::uintptr_t>(pointer) % sizeof(float4) == 0;
  };
  if ((p.count | p.x_stride | p.y_stride) % 4 == 0 && aligned(x) && aligned(y))
    copy_rows_by<float4>(context, p, x, y);
  else
    copy_rows_by<float>(context, p, x, y);
}

}  // namespace backlight::cuda
