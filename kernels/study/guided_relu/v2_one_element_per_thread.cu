// Idea: one element a thread, and dy is loaded only where y says that it is needed.
//
// Hypothesis: about half of a ReLU's outputs are zero, so half of dy need not be read.
// Bytes: 12 an element at most, 8 at least.
// Predicted limit: a sector holds eight elements. It is saved only where all eight are zero, and the
//   second load starts only after the first has arrived: two waits in a row for the traffic of one pass.
// Next bottleneck: the dependence of one load on the other.
#include "kernels/study/common.cuh"
#include "kernels/study/guided_relu/ladder.hpp"

namespace backlight::study::guided_relu::v2_one_element_per_thread {
namespace {

constexpr int kThreads = 256;

__global__ void __launch_bounds__(kThreads) kernel(const float* __restrict__ y, const float* __restrict__ dy,
                                                   float* __restrict__ dx, std::int64_t count, float upper) {
  const std::int64_t i = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= count) return;
  const float mask = y[i];
  float result = 0;
  if (mask > 0.0f && mask < upper) {
    const float gradient = dy[i];
    if (gradient > 0.0f) result = gradient;
  }
  dx[i] = result;
}

}  // namespace

void run(Context& context, const ReluParams& params, const float* y, const float* dy, float* dx) {
  if (params.count == 0) return;
  CUDA_CHECK(cuda::launch(kernel, blocks_for(params.count, kThreads), kThreads, 0, cuda::stream_of(context),
                          y, dy, dx, params.count, static_cast<float>(params.upper)));
}

}  // namespace backlight::study::guided_relu::v2_one_element_per_thread
