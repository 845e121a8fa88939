// What the engine runs: v5's tile by intrinsics of the context's instruction
// set, 14 rows high with AVX-512, masked at the edges, blocks that the threads
// share (kernels/gemm/README.md).
#include "kernels/matmul/matmul.hpp"
#include "kernels/study/cpu_product/ladder.hpp"

namespace backlight::study::cpu_product::library {

void run(Context& context, const Params& p, const float* a, const float* b, float* c) {
  cpu::matmul<float>(context, {.m = p.m, .n = p.n, .k = p.k}, a, b, c);
}

}  // namespace backlight::study::cpu_product::library
