// Predicted limit: memory; the costs of local_response_norm.hpp over the card's bandwidth are the least
// times, as long as what `size` windows share is read from the cache (forward) or shared memory (backward).
#include <algorithm>

#include "engine/core/error.hpp"
#include "engine/runtime/cuda/enqueue.hpp"
#include "kernels/grid.hpp"
#include "kernels/launch.hpp"
#include "kernels/local_response_norm/local_response_norm.hpp"

namespace backlight::cuda {
namespace {

/// A block takes 32 positions of one image and some channels: its warps lie along positions, where memory is
/// contiguous.
constexpr int kRows = 8;
constexpr int kChannels = 32;  // of a block in backward

struct Tiles {
  int channels;
  std::int64_t plane;
  unsigned positions, groups;  ///< tiles of 32 positions, groups of channels
  int before, after;           ///< channels of a window on each side of its own

  /// Element (channel 0, position of this thread) of this block's image.
  __device__ std::int64_t image() const {
    return std::int64_t{blockIdx.x / positions / groups} * channels * plane + position();
  }
  __device__ std::int64_t position() const {
    return std::int64_t{blockIdx.x % positions} * kWarp + threadIdx.x;
  }
  __device__ int group() const { return static_cast<int>(blockIdx.x / positions % groups); }
  __device__ int first(int c) const { return max(c - before, 0); }
  __device__ int last(int c) const { return min(c + after, channels - 1); }
};

/// s^−beta; AlexNet's beta needs square roots only.
__device__ float inverse_power(float s, float beta) {
  if (beta == 0.75f) return 1 / (sqrtf(s) * sqrtf(sqrtf(s)));
  return powf(s, -beta);
}

/// A thread per element.
__global__ void __launch_bounds__(kWarp* kRows)
    forward_kernel(const float* __restrict__ x, float* __restrict__ y, float* __restrict__ scale, Tiles tiles,
                   float k, float factor, float beta) {
  const int c = tiles.group() * kRows + static_cast<int>(threadIdx.y);
  if (tiles.position() >= tiles.plane || c >= tiles.channels) return;
  const std::int64_t image = tiles.image();
  float squares = 0;
#pragma unroll 5
  for (int j = tiles.first(c); j <= tiles.last(c); ++j) {
    const float v = __ldg(x + image + j * tiles.plane);
    squares += v * v;
  }
  const std::int64_t at = image + c * tiles.plane;
  const float s = k + factor * squares;
  scale[at] = s;
  y[at] = __ldg(x + at) * inverse_power(s, beta);
}

/// dy·x·s^(−beta−1) is part of `size` sums, so the block computes it once for its channels and for those that
/// their windows reach.
__global__ void __launch_bounds__(kWarp* kRows)
    backward_kernel(const float* __restrict__ x, const float* __restrict__ scale,
                    const float* __restrict__ dy, float* __restrict__ dx, Tiles tiles, float factor,
                    float beta) {
  DYN_SMEM(float, ratio);
  const bool inside = tiles.position() < tiles.plane;
  const std::int64_t image = tiles.image();
  const int begin = tiles.group() * kChannels, end = min(begin + kChannels, tiles.channels);
  const int first = tiles.first(begin), last = tiles.last(end - 1);
  if (inside) {
    for (int c = first + static_cast<int>(threadIdx.y); c <= last; c += kRows) {
      const std::int64_t at = image + c * tiles.plane;
      const float s = __ldg(scale + at), passed = __ldg(dy + at) * inverse_power(s, beta);
      ratio[(c - first) * kWarp + threadIdx.x] = passed * __ldg(x + at) / s;
    }
  }
  __syncthreads();
  if (!inside) return;
  for (int c = begin + static_cast<int>(threadIdx.y); c < end; c += kRows) {
    float sum = 0;
    for (int j = tiles.first(c); j <= tiles.last(c); ++j) sum += ratio[(j - first) * kWarp + threadIdx.x];
    const std::int64_t at = image + c * tiles.plane;
    dx[at] = __ldg(dy + at) * inverse_power(__ldg(scale + at), beta) - factor * __ldg(x + at) * sum;
  }
}

Tiles tiles_of(const LocalResponseNormParams& p, std::int64_t channels_of_block, std::int64_t before,
               std::int64_t after) {
  const int channels = static_cast<int>(index32(p.channels, "local_response_norm"));
  const auto clipped = [&](std::int64_t reach) {
    return static_cast<int>(std::min<std::int64_t>(reach, channels - 1));
  };
  return {channels,
          p.plane,
          blocks_for(p.plane, kWarp, "local_response_norm"),
          blocks_for(p.channels, channels_of_block, "local_response_norm"),
          clipped(before),
          clipped(after)};
}

unsigned blocks_of(const LocalResponseNormParams& p, const Tiles& tiles) {
  return index32(p.batch * tiles.positions * tiles.groups, "local_response_norm");
}

}  // namespace

void local_response_norm_forward(Context& context, const LocalResponseNormParams& p, const float* x, float* y,
                                 float* scale) {
  if (p.batch * p.channels * p.plane == 0) return;
  const Tiles tiles = tiles_of(p, kRows, p.size / 2, (p.size - 1) / 2);
  CUDA_CHECK(launch(forward_kernel, blocks_of(p, tiles), dim3(kWarp, kRows), 0, stream_of(context), x, y,
                    scale, tiles, static_cast<float>(p.k),
                    static_cast<float>(p.alpha / static_cast<double>(p.size)), static_cast<float>(p.beta)));
}

void local_response_norm_backward(Context& context, const LocalResponseNormParams& p, const float* x,
                                  const float* scale, const float* dy, float* dx) {
  if (p.batch * p.channels * p.plane == 0) return;
  const Tiles tiles = tiles_of(p, kChannels, (p.size - 1) / 2, p.size / 2);
  const std::int64_t rows =
      std::min<std::int64_t>(p.channels, std::int64_t{kChannels} + tiles.before + tiles.after);
  constexpr std::int64_t kMostRows =
      48 * 1024 / (kWarp * sizeof(float));  // what every card's blocks may have
  if (rows > kMostRows)
    throw Error(ErrorKind::unsupported, "[local_response_norm] windows of ", p.size, " among ", p.channels,
                " channels reach over ", rows, " channels of a block, at most ", kMostRows,
                " fit in shared memory: use the device cpu");
  CUDA_CHECK(launch(backward_kernel, blocks_of(p, tiles), dim3(kWarp, kRows),
                    static_cast<std::size_t>(rows) * kWarp * sizeof(float), stream_of(context), x, scale, dy,
                    dx, tiles, static_cast<float>(2 * p.alpha * p.beta / static_cast<double>(p.size)),
                    static_cast<float>(p.beta)));
}

}  // namespace backlight::cuda
