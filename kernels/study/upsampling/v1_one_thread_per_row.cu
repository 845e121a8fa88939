// Idea: a thread writes one row of the output, pixel by pixel.
//
// Hypothesis: the row's position is computed once, and its two input rows stay in the cache.
// Bytes: 4 written a pixel; the input, a few hundred floats, comes from the cache.
// Predicted limit: the lanes of a warp write to addresses a row apart: 32 sectors a store, each eight
//   times. And 224 rows are seven warps.
// Next bottleneck: neighbouring lanes must write neighbouring pixels.
#include "kernels/study/common.cuh"
#include "kernels/study/upsampling/ladder.hpp"
#include "kernels/study/upsampling/taps.cuh"

namespace backlight::study::upsampling::v1_one_thread_per_row {
namespace {

constexpr int kThreads = 64;

__global__ void __launch_bounds__(kThreads)
    kernel(Params p, const float* __restrict__ x, float* __restrict__ y, std::int64_t rows) {
  const std::int64_t at = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (at >= rows) return;
  const std::int64_t n = at / p.out_height;
  const Tap row = tap_of(static_cast<int>(at % p.out_height), p.in_height, p.out_height, p.align_corners);
  const float* above = x + (n * p.in_height + row.lower) * p.in_width;
  const float* below = x + (n * p.in_height + row.upper) * p.in_width;
  for (int j = 0; j < p.out_width; ++j) {
    const Tap column = tap_of(j, p.in_width, p.out_width, p.align_corners);
    const float upper = blend(above[column.lower], above[column.upper], column.t);
    const float lower = blend(below[column.lower], below[column.upper], column.t);
    y[at * p.out_width + j] = blend(upper, lower, row.t);
  }
}

}  // namespace

void run(Context& context, const Params& params, const float* x, float* y) {
  const std::int64_t rows = params.batch * params.out_height;
  if (rows == 0) return;
  CUDA_CHECK(cuda::launch(kernel, blocks_for(rows, kThreads), kThreads, 0, cuda::stream_of(context), params,
                          x, y, rows));
}

}  // namespace backlight::study::upsampling::v1_one_thread_per_row
