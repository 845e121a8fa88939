// Idea: a thread writes one pixel.
//
// Hypothesis: four sectors a store, and threads enough: 50,176 for a 224×224 picture.
// Bytes: 4 written a pixel.
// Predicted limit: arithmetic in double, two positions a pixel. A card for games does one such operation
//   for 64 in float: some twenty of them weigh as much as a thousand of the others.
// Next bottleneck: compute the positions once for all pixels that share them.
#include "kernels/study/common.cuh"
#include "kernels/study/upsampling/ladder.hpp"
#include "kernels/study/upsampling/taps.cuh"

namespace backlight::study::upsampling::v2_one_thread_per_pixel {
namespace {

constexpr int kThreads = 256;

__global__ void __launch_bounds__(kThreads)
    kernel(Params p, const float* __restrict__ x, float* __restrict__ y, std::int64_t pixels) {
  const std::int64_t at = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (at >= pixels) return;
  const std::int64_t line = at / p.out_width, n = line / p.out_height;
  const Tap row = tap_of(static_cast<int>(line % p.out_height), p.in_height, p.out_height, p.align_corners);
  const Tap column = tap_of(static_cast<int>(at % p.out_width), p.in_width, p.out_width, p.align_corners);
  const float* above = x + (n * p.in_height + row.lower) * p.in_width;
  const float* below = x + (n * p.in_height + row.upper) * p.in_width;
  const float upper = blend(above[column.lower], above[column.upper], column.t);
  const float lower = blend(below[column.lower], below[column.upper], column.t);
  y[at] = blend(upper, lower, row.t);
}

}  // namespace

void run(Context& context, const Params& params, const float* x, float* y) {
  const std::int64_t pixels = params.batch * params.out_height * params.out_width;
  if (pixels == 0) return;
  CUDA_CHECK(cuda::launch(kernel, blocks_for(pixels, kThreads), kThreads, 0, cuda::stream_of(context), params,
                          x, y, pixels));
}

}  // namespace backlight::study::upsampling::v2_one_thread_per_pixel
