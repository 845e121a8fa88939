// NVIDIA's library in strict float32. It counts columns first, and read so our matrices are transposed: C' =
// B'·A'.
#include "engine/runtime/cuda/cublas.hpp"
#include "engine/runtime/cuda/stream.hpp"
#include "engine/runtime/device.hpp"
#include "kernels/study/common.cuh"
#include "kernels/study/sgemm/ladder.hpp"

namespace backlight::study::sgemm::cublaslt {

void run(Context& context, const Params& params, const float* a, const float* b, float* c) {
  if (params.m * params.n == 0) return;
  if (params.k == 0) {
    cuda::clear(context.stream(), c, static_cast<std::size_t>(params.m * params.n) * sizeof(float));
    return;
  }
  const bool aligned = at_16_bytes(a) && at_16_bytes(b) && at_16_bytes(c);
  context.stream().part<cuda::Cublas>().multiply(
      {.m = params.n, .n = params.m, .k = params.k, .alignment = aligned ? 16u : 4u}, b, a, nullptr, 0, c);
}

}  // namespace backlight::study::sgemm::cublaslt
