// Idea: a block adds up one channel, neighbouring threads reading neighbouring floats; the threads' sums
// meet in shared memory in a tree whose distance doubles: 1, 2, 4, ...
//
// Hypothesis: four sectors a load instead of 32.
// Bytes: as v1, 4·K·plane + 4·K, and now each is moved once.
// Predicted limit: the tree. Its active threads are every 2nd, 4th, 8th, so that all eight warps stay
//   busy with ever fewer lanes, and there is a barrier before each of the 8 steps, for a row that gives a
//   thread one element or none.
// Next bottleneck: the lanes that idle beside one that works.
#include "kernels/study/common.cuh"
#include "kernels/study/gradient_gap/ladder.hpp"

namespace backlight::study::gradient_gap::v2_one_block_per_channel {
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
  for (int distance = 1; distance < kThreads; distance *= 2) {
    __syncthreads();
    if (t % (2 * distance) == 0) partial[t] += partial[t + distance];
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

}  // namespace backlight::study::gradient_gap::v2_one_block_per_channel
