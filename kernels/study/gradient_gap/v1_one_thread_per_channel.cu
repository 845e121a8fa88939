// Idea: a thread adds up one channel, as a processor would. No thread needs another.
//
// Hypothesis: slow, and the longer the rows the slower.
// Bytes: 4·K·plane read and 4·K written at least.
// Predicted limit: the lanes of a warp read addresses that are 4·plane bytes apart, so each load touches
//   32 sectors of 32 bytes for 128 bytes that are used: eight times the traffic, unless the cache keeps a
//   sector for seven more turns.
// Next bottleneck: neighbouring lanes must read neighbouring addresses.
#include "kernels/study/common.cuh"
#include "kernels/study/gradient_gap/ladder.hpp"

namespace backlight::study::gradient_gap::v1_one_thread_per_channel {
namespace {

constexpr int kThreads = 128;

__global__ void __launch_bounds__(kThreads) kernel(const float* __restrict__ g, float* __restrict__ alpha,
                                                   std::int64_t rows, std::int64_t plane, float scale) {
  const std::int64_t row = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (row >= rows) return;
  float sum = 0;
  for (std::int64_t i = 0; i < plane; ++i) sum += g[row * plane + i];
  alpha[row] = scale * sum;
}

}  // namespace

void run(Context& context, const ChannelMaps& maps, double scale, const float* g, float* alpha) {
  const std::int64_t rows = maps.batch * maps.channels;
  if (rows == 0) return;
  CUDA_CHECK(cuda::launch(kernel, blocks_for(rows, kThreads), kThreads, 0, cuda::stream_of(context), g, alpha,
                          rows, maps.plane, static_cast<float>(scale)));
}

}  // namespace backlight::study::gradient_gap::v1_one_thread_per_channel
