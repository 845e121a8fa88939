// Idea: load both, then select.
//
// Hypothesis: the two loads wait together, and no lane is left out.
// Bytes: 12 an element, each moved once.
// Predicted limit: bytes in flight: 8 a thread, 16 KB for a multiprocessor full of threads. By Little's
//   law a hundred of them want 10 KB each for 2 TB/s at 500 ns: just enough there, too little for a
//   faster card, or where blocks that end leave gaps.
// Next bottleneck: more loads per thread.
#include "kernels/study/common.cuh"
#include "kernels/study/guided_relu/ladder.hpp"
#include "kernels/study/guided_relu/rule.cuh"

namespace backlight::study::guided_relu::v3_no_branch {
namespace {

constexpr int kThreads = 256;

__global__ void __launch_bounds__(kThreads) kernel(const float* __restrict__ y, const float* __restrict__ dy,
                                                   float* __restrict__ dx, std::int64_t count, float upper) {
  const std::int64_t i = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= count) return;
  const float mask = y[i], gradient = dy[i];
  dx[i] = guided(mask, gradient, upper);
}

}  // namespace

void run(Context& context, const ReluParams& params, const float* y, const float* dy, float* dx) {
  if (params.count == 0) return;
  CUDA_CHECK(cuda::launch(kernel, blocks_for(params.count, kThreads), kThreads, 0, cuda::stream_of(context),
                          y, dy, dx, params.count, static_cast<float>(params.upper)));
}

}  // namespace backlight::study::guided_relu::v3_no_branch
