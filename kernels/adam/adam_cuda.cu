// Predicted limit: memory; adam_step_cost over the card's bandwidth is the least time. One pass.
#include "engine/runtime/cuda/enqueue.hpp"
#include "kernels/adam/adam.hpp"
#include "kernels/reduce.cuh"

namespace backlight::cuda {
namespace {

constexpr int kThreads = 256;

/// Rounds after every operation, as the CPU does: left to itself nvcc would fuse products and sums.
struct AdamStep {
  float scale, rate, root, epsilon, new_m, old_v, new_v;
  __device__ void operator()(float dw, float& w, float& m, float& v) const {
    const float g = __fmul_rn(scale, dw);
    m = __fadd_rn(m, __fmul_rn(new_m, __fsub_rn(g, m)));
    v = __fadd_rn(__fmul_rn(old_v, v), __fmul_rn(new_v, __fmul_rn(g, g)));
    const float deviation = __fadd_rn(sqrtf(v) / root, epsilon);
    w = __fsub_rn(w, __fmul_rn(rate, m / deviation));
  }
};

/// The first 4·`vectors` elements are moved 16 bytes at a time, the rest one by one.
__global__ void __launch_bounds__(kThreads)
    adam_kernel(AdamStep step, std::int64_t count, std::int64_t vectors, const float* __restrict__ dw,
                float* __restrict__ w, float* __restrict__ m, float* __restrict__ v) {
  const std::int64_t i = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i < vectors) {
    const float4 g4 = reinterpret_cast<const float4*>(dw)[i];
    float4 w4 = reinterpret_cast<float4*>(w)[i], m4 = reinterpret_cast<float4*>(m)[i];
    float4 v4 = reinterpret_cast<float4*>(v)[i];
    step(g4.x, w4.x, m4.x, v4.x);
    step(g4.y, w4.y, m4.y, v4.y);
    step(g4.z, w4.z, m4.z, v4.z);
    step(g4.w, w4.w, m4.w, v4.w);
    reinterpret_cast<float4*>(w)[i] = w4;
    reinterpret_cast<float4*>(m)[i] = m4;
    reinterpret_cast<float4*>(v)[i] = v4;
  }
  const std::int64_t tail = 4 * vectors + i;
  if (tail < count) step(dw[tail], w[tail], m[tail], v[tail]);
}

}  // namespace

void adam_step(Context& context, const AdamParams& params, const float* dw, float* w, float* m, float* v) {
  if (params.count == 0) return;
  const AdamStep step{static_cast<float>(params.scale),     static_cast<float>(params.rate()),
                      static_cast<float>(params.root()),    static_cast<float>(params.epsilon),
                      static_cast<float>(1 - params.beta1), static_cast<float>(params.beta2),
                      static_cast<float>(1 - params.beta2)};
  const auto aligned = [](const void* pointer) {
    return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0;
  };
  const bool wide = aligned(dw) && aligned(w) && aligned(m) && aligned(v);
  const std::int64_t vectors = wide ? params.count / 4 : 0;
  const std::int64_t threads = wide ? vectors + 3 : params.count;
  CUDA_CHECK(launch(adam_kernel, blocks_for(threads, kThreads, "adam"), kThreads, 0, stream_of(context), step,
                    params.count, vectors, dw, w, m, v));
}

}  // namespace backlight::cuda
