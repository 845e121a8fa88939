// Two passes, as 8-bit rounding after each of them is part of the result; the second also crops, pads and
// normalises. A thread computes a pixel; neighbours share most of their taps, which the first-level cache
// serves.
#include <algorithm>

#include "engine/image/resize.hpp"
#include "engine/runtime/cuda/enqueue.hpp"
#include "engine/runtime/device.hpp"
#include "kernels/launch.hpp"
#include "kernels/preprocess/preprocess.hpp"

namespace backlight::cuda {
namespace {

constexpr int kColumns = 32, kRows = 8;

struct Rgb {
  std::uint8_t c[3];
};

/// Bytes of three-byte pixels that a pass reads: taps lie side by side, or one below the other.
struct Source {
  std::int64_t pitch;
  bool horizontal;
  int stride;
  bool to_grey = false;

  __device__ Rgb resampled(const std::uint8_t* __restrict__ in, const std::int32_t* __restrict__ taps,
                           const std::int32_t* __restrict__ weights, std::int64_t x, std::int64_t y) const {
    const std::int64_t i = horizontal ? x : y;
    const std::int64_t first = __ldg(taps + 2 * i), step = horizontal ? 3 : pitch;
    const int count = __ldg(taps + 2 * i + 1);
    const std::uint8_t* from = in + (horizontal ? y * pitch + first * 3 : first * pitch + x * 3);
    const std::int32_t* w = weights + i * stride;
    constexpr int kHalf = 1 << (kResizeFractionBits - 1);
    int sum[3] = {kHalf, kHalf, kHalf};
    for (int k = 0; k < count; ++k) {
      const int weight = __ldg(w + k);
#pragma unroll
      for (int c = 0; c < 3; ++c) sum[c] += (to_grey ? luma(from + k * step) : from[k * step + c]) * weight;
    }
    Rgb pixel{};
#pragma unroll
    for (int c = 0; c < 3; ++c)
      pixel.c[c] = static_cast<std::uint8_t>(min(max(sum[c] >> kResizeFractionBits, 0), 255));
    return pixel;
  }
};

__global__ void __launch_bounds__(kColumns* kRows)
    first_pass_kernel(Source source, const std::uint8_t* __restrict__ in,
                      const std::int32_t* __restrict__ taps, const std::int32_t* __restrict__ weights,
                      std::int64_t width, std::int64_t height, std::uint8_t* __restrict__ out) {
  const std::int64_t x = std::int64_t{blockIdx.x} * kColumns + threadIdx.x;
  if (x >= width) return;
  for (std::int64_t y = std::int64_t{blockIdx.y} * kRows + threadIdx.y; y < height;
       y += std::int64_t{gridDim.y} * kRows) {
    const Rgb pixel = source.resampled(in, taps, weights, x, y);
#pragma unroll
    for (int c = 0; c < 3; ++c) out[(y * width + x) * 3 + c] = pixel.c[c];
  }
}

/// Where the resized picture lies in the input, and the arithmetic of its channels.
struct Input {
  std::int64_t width, height, x, y, resized_width, resized_height;
  float divisor, mean[3], std[3];
  bool bgr;
  int channels;
};

__global__ void __launch_bounds__(kColumns* kRows)
    second_pass_kernel(Source source, const std::uint8_t* __restrict__ in,
                       const std::int32_t* __restrict__ taps, const std::int32_t* __restrict__ weights,
                       Input input, std::uint8_t* __restrict__ seen, float* __restrict__ to) {
  const std::int64_t x = std::int64_t{blockIdx.x} * kColumns + threadIdx.x;
  if (x >= input.width) return;
  const std::int64_t left = x - input.x;
  for (std::int64_t y = std::int64_t{blockIdx.y} * kRows + threadIdx.y; y < input.height;
       y += std::int64_t{gridDim.y} * kRows) {
    const std::int64_t top = y - input.y, at = y * input.width + x;
    Rgb pixel{};
    if (left >= 0 && left < input.resized_width && top >= 0 && top < input.resized_height)
      pixel = source.resampled(in, taps, weights, left, top);
#pragma unroll
    for (int c = 0; c < 3; ++c) {
      seen[at * 3 + c] = pixel.c[c];
      if (c >= input.channels) continue;
      const std::uint8_t sample = input.bgr ? pixel.c[2 - c] : pixel.c[c];
      to[c * input.width * input.height + at] =
          (static_cast<float>(sample) / input.divisor - input.mean[c]) / input.std[c];
    }
  }
}

dim3 grid_of(std::int64_t width, std::int64_t height) {
  constexpr std::int64_t kMostRows = 1024;  // of blocks; the kernels walk on from there
  return {static_cast<unsigned>((width + kColumns - 1) / kColumns),
          static_cast<unsigned>(std::min((height + kRows - 1) / kRows, kMostRows))};
}

}  // namespace

void preprocess(Context& context, const PreprocessParams& params, const std::uint8_t* picture,
                std::uint8_t* seen, float* x) {
  const ResizeAxis &first = params.vertical_first ? params.down : params.across,
                   &second = params.vertical_first ? params.across : params.down;
  const std::int64_t width = params.vertical_first ? params.across.in : params.across.out;
  const std::int64_t height = params.vertical_first ? params.down.out : params.down.in;
  const cudaStream_t stream = stream_of(context);
  const dim3 block(kColumns, kRows);
  Tensor between = context.empty({height, width, 3}, DType::u8);
  CUDA_CHECK(launch(first_pass_kernel, grid_of(width, height), block, 0, stream,
                    Source{params.pitch, !params.vertical_first, first.stride, params.channels == 1}, picture,
                    first.taps, first.weights, width, height, between.data<std::uint8_t>()));
  const auto& [mean_0, mean_1, mean_2] = params.mean;
  const auto& [std_0, std_1, std_2] = params.std;
  const Input input{params.width,          params.height,   params.x,       params.y,
                    params.across.out,     params.down.out, params.divisor, {mean_0, mean_1, mean_2},
                    {std_0, std_1, std_2}, params.bgr,      params.channels};
  CUDA_CHECK(launch(second_pass_kernel, grid_of(params.width, params.height), block, 0, stream,
                    Source{width * 3, params.vertical_first, second.stride}, between.data<std::uint8_t>(),
                    second.taps, second.weights, input, seen, x));
}

}  // namespace backlight::cuda
