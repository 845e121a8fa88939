// Idea: turn the tree round: the distance halves, 128, 64, ..., and the active threads are the first
// ones.
//
// Hypothesis: whole warps fall idle instead of lanes; only the last five steps have a warp that is partly
//   idle. Bytes: as before. Predicted limit: 8 barriers a channel with hardly anything between them. A
//   14×14 map gives 196 of 256 threads one element each, so that the block waits for memory once and then
//   for itself.
// Next bottleneck: the barriers.
#include "kernels/study/common.cuh"
#include "kernels/study/gradient_gap/ladder.hpp"

namespace backlight::study::gradient_gap::v3_sequential_tree {
namespace {

constexpr int kThreads = 256;

__global__ void __launch_bounds__(kThreads)
    kernel(const float* __restrict__ g, float* __restrict__ alpha, std::int64_t plane, float scale) {
  SHARED(float, partial, [kThreads]);
  const int t = static_cast<int>(threadIdx.x);
  const float* row = g + blockIdx.x * plane;
  float sum = 0;
  for (std::int64_t i = t; i < plane; i += kThreads) sum += row[i];
  partial[t] = sum;
  for (int distance = kThreads / 2; distance > 0; distance /= 2) {
    __syncthreads();
    if (t < distance) partial[t] += partial[t + distance];
  }
  if (t == 0) alpha[blockIdx.x] = scale * partial[0];
}

}  // namespace

void run(Context& context, const ChannelMaps& maps, double scale, const float* g, float* alpha) {
  const std::int64_t rows = maps.batch * maps.channels;
  if (rows == 0) return;
  CUDA_CHECK(cuda::launch(kernel, blocks_for(rows, 1), kThreads, 0, cuda::stream_of(context), g, alpha,
                          maps.plane, static_cast<float>(scale)));
}

}  // namespace backlight::study::gradient_gap::v3_sequential_tree
