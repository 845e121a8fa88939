// Predicted limit: arithmetic and memory alike; two multiplications of 64 bits for each element of 8 bytes.
#include <cmath>

#include "engine/core/random.hpp"
#include "engine/runtime/cuda/enqueue.hpp"
#include "kernels/dropout/dropout.hpp"
#include "kernels/reduce.cuh"

namespace backlight::cuda {
namespace {

constexpr int kThreads = 256;

/// u ≥ p as a comparison of integers: u is a multiple of 2^-24.
struct Mask {
  std::uint64_t seed, threshold;
  float scale;
  __device__ float operator()(std::int64_t i, float x) const {
    const float kept = scale * x;  // before the choice: for 12.0 nvcc would load only what is kept, in pieces
    return random_bits(seed, static_cast<std::uint64_t>(i)) >> 40 >= threshold ? kept : 0.0f;
  }
};

/// The first 4·`vectors` elements are moved 16 bytes at a time, the rest one by one. y may be x.
__global__ void __launch_bounds__(kThreads)
    dropout_kernel(Mask mask, std::int64_t count, std::int64_t vectors, const float* x, float* y) {
  const std::int64_t i = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i < vectors) {
    const float4 v = reinterpret_cast<const float4*>(x)[i];
    reinterpret_cast<float4*>(y)[i] =
        make_float4(mask(4 * i, v.x), mask(4 * i + 1, v.y), mask(4 * i + 2, v.z), mask(4 * i + 3, v.w));
  }
  const std::int64_t tail = 4 * vectors + i;
  if (tail < count) y[tail] = mask(tail, x[tail]);
}

}  // namespace

void dropout(Context& context, const DropoutParams& params, const float* x, float* y) {
  if (params.count == 0) return;
  const Mask mask{params.seed, static_cast<std::uint64_t>(std::ceil(params.p * 0x1p24)),
                  params.p < 1 ? static_cast<float>(1 / (1 - params.p)) : 0.0f};
  const bool aligned =
      reinterpret_cast<std::uintptr_t>(x) % 16 == 0 && reinterpret_cast<std::uintptr_t>(y) % 16 == 0;
  const std::int64_t vectors = aligned ? params.count / 4 : 0;
  const std::int64_t threads = aligned ? vectors + 3 : params.count;
  CUDA_CHECK(launch(dropout_kernel, blocks_for(threads, kThreads, "dropout"), kThreads, 0, stream_of(context),
                    mask, params.count, vectors, x, y));
}

}  // namespace backlight::cuda
