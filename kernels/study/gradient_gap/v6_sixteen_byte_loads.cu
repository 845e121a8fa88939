// Idea: where every row starts at a multiple of 16 bytes, a lane loads four floats at once. This is the
// design of the library's kernels/grad_cam/grad_cam_cuda.cu.
//
// Hypothesis: a quarter of the load instructions for the same sectors; a 14×14 map is two loads a lane,
//   both under way at once.
// Bytes: as before.
// Predicted limit: memory, where there is enough of it: a 512×14×14 gradient is 401 KB, moved in less
//   time than a kernel takes to start. Launching is the limit then, and a graph or a fused kernel the
//   remedy.
// Next bottleneck: odd rows (7×7) have no aligned start of their own and keep to four bytes, lest the
//   order of a row's sum depend on where in the batch the row lies.
#include "kernels/study/common.cuh"
#include "kernels/study/gradient_gap/ladder.hpp"

namespace backlight::study::gradient_gap::v6_sixteen_byte_loads {
namespace {

constexpr int kRowsPerBlock = 8;

__global__ void __launch_bounds__(kRowsPerBlock* kWarp)
    kernel(const float* __restrict__ g, float* __restrict__ alpha, std::int64_t rows, std::int64_t plane,
           std::int64_t vectors, float scale) {
  const std::int64_t row = std::int64_t{blockIdx.x} * kRowsPerBlock + threadIdx.x / kWarp;
  if (row >= rows) return;
  const int lane = static_cast<int>(threadIdx.x % kWarp);
  const float* x = g + row * plane;
  float4 sums = make_float4(0, 0, 0, 0);
#pragma unroll 4
  for (std::int64_t i = lane; i < vectors; i += kWarp) {
    const float4 v = __ldg(reinterpret_cast<const float4*>(x) + i);
    sums.x += v.x;
    sums.y += v.y;
    sums.z += v.z;
    sums.w += v.w;
  }
#pragma unroll 4
  for (std::int64_t i = 4 * vectors + lane; i < plane; i += kWarp) sums.x += __ldg(x + i);
  const float sum = warp_sum((sums.x + sums.y) + (sums.z + sums.w));
  if (lane == 0) alpha[row] = scale * sum;
}

}  // namespace

void run(Context& context, const ChannelMaps& maps, double scale, const float* g, float* alpha) {
  const std::int64_t rows = maps.batch * maps.channels;
  if (rows == 0) return;
  const std::int64_t vectors = maps.plane % 4 == 0 && at_16_bytes(g) ? maps.plane / 4 : 0;
  CUDA_CHECK(cuda::launch(kernel, blocks_for(rows, kRowsPerBlock), kRowsPerBlock * kWarp, 0,
                          cuda::stream_of(context), g, alpha, rows, maps.plane, vectors,
                          static_cast<float>(scale)));
}

}  // namespace backlight::study::gradient_gap::v6_sixteen_byte_loads
