// Both are so small that a launch should take longer; they exist so that an explanation need not wait for the
// host.
#include <limits>

#include "engine/core/error.hpp"
#include "engine/runtime/cuda/enqueue.hpp"
#include "kernels/reduce.cuh"
#include "kernels/target/target.hpp"

namespace backlight::cuda {
namespace {

/// Orders scores as std::max_element does: the largest key belongs to the element that it returns. The upper
/// half is the score's bits, made ascending; the lower half prefers the first of equals.
__device__ std::uint64_t key_of(float score, std::int64_t k) {
  const std::uint32_t first = 0xffffffffu - static_cast<std::uint32_t>(k);
  if (score != score) return k == 0 ? ~std::uint64_t{0} : 0;
  const std::uint32_t bits = __float_as_uint(score == 0.0f ? 0.0f : score);  // -0 equals 0
  const std::uint32_t ascending = bits >> 31 ? ~bits : bits | 0x80000000u;
  return std::uint64_t{ascending} << 32 | first;
}

__global__ void __launch_bounds__(kRowThreads)
    argmax_kernel(TargetParams p, const float* __restrict__ x, std::int64_t* __restrict__ index) {
  const float* row = x + std::int64_t{blockIdx.x} * p.classes;
  std::uint64_t best = 0;
  BlockRow{}.each(p.classes, [&](std::int64_t k) { best = Larger{}(best, key_of(row[k], k)); });
  best = BlockRow{}.reduce(best, Larger{});
  if (threadIdx.x == 0) index[blockIdx.x] = 0xffffffffu - static_cast<std::uint32_t>(best);
}

__global__ void __launch_bounds__(kRowThreads)
    one_hot_kernel(TargetParams p, const std::int64_t* __restrict__ index, float value,
                   float* __restrict__ dy) {
  const std::int64_t i = std::int64_t{blockIdx.x} * kRowThreads + threadIdx.x;
  if (i >= p.rows * p.classes) return;
  dy[i] = i % p.classes == index[i / p.classes] ? value : 0.0f;
}

}  // namespace

void argmax(Context& context, const TargetParams& p, const float* x, std::int64_t* index) {
  if (p.rows == 0) return;
  if (p.classes > std::numeric_limits<std::uint32_t>::max())
    throw Error(ErrorKind::unsupported, "[argmax] ", p.classes, " classes, expected fewer than 2^32");
  CUDA_CHECK(launch(argmax_kernel, blocks_for(p.rows, 1, "argmax"), BlockRow::threads(p.classes), 0,
                    stream_of(context), p, x, index));
}

void one_hot(Context& context, const TargetParams& p, const std::int64_t* index, double value, float* dy) {
  if (p.rows * p.classes == 0) return;
  CUDA_CHECK(launch(one_hot_kernel, blocks_for(p.rows * p.classes, kRowThreads, "one_hot"), kRowThreads, 0,
                    stream_of(context), p, index, static_cast<float>(value), dy));
}

}  // namespace backlight::cuda
