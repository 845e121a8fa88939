// Predicted limit: memory; sgd_step_cost over the card's bandwidth is the least time. One pass.
#include "engine/runtime/cuda/enqueue.hpp"
#include "kernels/reduce.cuh"
#include "kernels/sgd/sgd.hpp"

namespace backlight::cuda {
namespace {

constexpr int kThreads = 256;

/// Rounds after every operation, as the CPU does: left to itself nvcc would fuse products and sums.
struct Step {
  float rate, momentum, decay;
  bool nesterov;
  __device__ void operator()(float dw, float& w, float& v) const {
    const float g = __fadd_rn(dw, __fmul_rn(decay, w));
    v = __fadd_rn(__fmul_rn(momentum, v), g);
    const float direction = nesterov ? __fadd_rn(g, __fmul_rn(momentum, v)) : v;
    w = __fsub_rn(w, __fmul_rn(rate, direction));
  }
};

/// The first 4·`vectors` elements are moved 16 bytes at a time, the rest one by one.
__global__ void __launch_bounds__(kThreads)
    sgd_kernel(Step step, std::int64_t count, std::int64_t vectors, const float* __restrict__ dw,
               float* __restrict__ w, float* __restrict__ v) {
  const std::int64_t i = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i < vectors) {
    const float4 g4 = reinterpret_cast<const float4*>(dw)[i];
    float4 w4 = reinterpret_cast<float4*>(w)[i], v4 = reinterpret_cast<float4*>(v)[i];
    step(g4.x, w4.x, v4.x);
    step(g4.y, w4.y, v4.y);
    step(g4.z, w4.z, v4.z);
    step(g4.w, w4.w, v4.w);
    reinterpret_cast<float4*>(w)[i] = w4;
    reinterpret_cast<float4*>(v)[i] = v4;
  }
  const std::int64_t tail = 4 * vectors + i;
  if (tail < count) step(dw[tail], w[tail], v[tail]);
}

}  // namespace

void sgd_step(Context& context, const SgdParams& params, const float* dw, float* w, float* v) {
  if (params.count == 0) return;
  const Step step{static_cast<float>(params.learning_rate), static_cast<float>(params.momentum),
                  static_cast<float>(params.weight_decay), params.nesterov};
  const auto aligned = [](const void* pointer) {
    return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0;
  };
  const bool wide = aligned(dw) && aligned(w) && aligned(v);
  const std::int64_t vectors = wide ? params.count / 4 : 0;
  const std::int64_t threads = wide ? vectors + 3 : params.count;
  CUDA_CHECK(launch(sgd_kernel, blocks_for(threads, kThreads, "sgd"), kThreads, 0, stream_of(context), step,
                    params.count, vectors, dw, w, v));
}

}  // namespace backlight::cuda
