#include <cuda_fp16.h>

#include <limits>

#include "engine/core/error.hpp"
#include "engine/runtime/cuda/enqueue.hpp"
#include "kernels/conv2d/conv2d_cuda.hpp"
#include "kernels/launch.hpp"

namespace backlight::cuda {
namespace {

// --- bias, residual and ReLU in one pass

constexpr int kThreads = 256;

struct EpilogueShape {
  std::int64_t count, plane, channels;
  bool relu;
  float upper;
  bool aligned;  ///< y and residual start at multiples of 16 bytes
};

/// Four consecutive elements a thread; they may belong to several planes. bias and residual may be null.
__global__ void __launch_bounds__(kThreads)
    epilogue_kernel(EpilogueShape e, const float* __restrict__ bias, const float* __restrict__ residual,
                    float* __restrict__ y) {
  const std::int64_t first = 4 * (std::int64_t{blockIdx.x} * kThreads + threadIdx.x);
  if (first >= e.count) return;
  const bool vector = e.aligned && first + 4 <= e.count;
  alignas(16) float value[4] = {}, added[4] = {};
  if (vector) {
    *reinterpret_cast<float4*>(value) = *reinterpret_cast<const float4*>(y + first);
    if (residual) *reinterpret_cast<float4*>(added) = *reinterpret_cast<const float4*>(residual + first);
  } else {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if (first + i >= e.count) continue;
      value[i] = y[first + i];
      if (residual) added[i] = residual[first + i];
    }
  }
  const std::int64_t row = first / e.plane;
  std::int64_t offset = first - row * e.plane;
  std::int64_t channel = row % e.channels;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    if (bias) value[i] += bias[channel];
    if (residual) value[i] += added[i];
    if (e.relu) {
      const float positive = value[i] < 0.0f ? 0.0f : value[i];
      value[i] = positive > e.upper ? e.upper : positive;
    }
    if (++offset == e.plane) {
      offset = 0;
      if (++channel == e.channels) channel = 0;
    }
  }
  if (vector) {
    *reinterpret_cast<float4*>(y + first) = *reinterpret_cast<const float4*>(value);
  } else {
#pragma unroll
    for (int i = 0; i < 4; ++i)
      if (first + i < e.count) y[first + i] = value[i];
  }
}

// --- float32 in NCHW and float16 in NHWC

constexpr int kTile = 32, kTileRows = 8;

__device__ void store(float value, bool, Half* y) {
  const __half half = __float2half_rn(value);
  *y = *reinterpret_cast<const Half*>(&half);
}
__device__ void store(Half value, bool add, float* y) {
  const float x = __half2float(*reinterpret_cast<const __half*>(&value));
  *y = add ? *y + x : x;
}

/// y[b][j][i] = x[b][i][j] for `rows` × `columns` matrices x[b]. A block turns one tile around in shared
/// memory, so that both its reads and its writes are of neighbours.
template <class X, class Y>
__global__ void __launch_bounds__(kTile* kTileRows)
    transpose_kernel(std::int64_t rows, std::int64_t columns, const X* x, bool add, Y* y) {
  SHARED(X, tile, [kTile][kTile + 1]);
  const std::int64_t tiles_across = (columns + kTile - 1) / kTile, tiles_down = (rows + kTile - 1) / kTile;
  const std::int64_t block = blockIdx.x, matrix = block / (tiles_across * tiles_down);
  const std::int64_t top = block / tiles_across % tiles_down * kTile, left = block % tiles_across * kTile;
  const int across = static_cast<int>(threadIdx.x), down = static_cast<int>(threadIdx.y);
  x += matrix * rows * columns;
  y += matrix * rows * columns;
#pragma unroll
  for (int i = down; i < kTile; i += kTileRows)
    if (top + i < rows && left + across < columns) tile[i][across] = x[(top + i) * columns + left + across];
  __syncthreads();
#pragma unroll
  for (int i = down; i < kTile; i += kTileRows)
    if (left + i < columns && top + across < rows)
      store(tile[across][i], add, &y[(left + i) * rows + top + across]);
}

template <class X, class Y>
void transpose(Context& context, std::int64_t n, std::int64_t rows, std::int64_t columns, const X* x,
               bool add, Y* y) {
  const std::int64_t blocks = n * ((rows + kTile - 1) / kTile) * ((columns + kTile - 1) / kTile);
  if (blocks > std::numeric_limits<int>::max())
    throw Error(ErrorKind::unsupported, "an array of ", n, "×", rows, "×", columns,
                " is too large for one kernel");
  CUDA_CHECK(launch(transpose_kernel<X, Y>, static_cast<unsigned>(blocks), dim3(kTile, kTileRows), 0,
                    stream_of(context), rows, columns, x, add, y));
}

// --- the bias's gradient

/// One block per channel, which adds up the channel's planes of all images in a fixed order.
__global__ void __launch_bounds__(kThreads)
    backward_bias_kernel(std::int64_t batch, std::int64_t channels, std::int64_t plane, const float* dy,
                         float* db) {
  SHARED(float, partial, [kThreads]);
  float sum[4] = {};
  for (std::int64_t n = 0; n < batch; ++n) {
    const float* row = dy + (n * channels + blockIdx.x) * plane;
    std::int64_t i = threadIdx.x;
    for (; i + 3 * kThreads < plane; i += 4 * kThreads)
#pragma unroll
      for (int k = 0; k < 4; ++k) sum[k] += row[i + k * kThreads];
    for (; i < plane; i += kThreads) sum[0] += row[i];
  }
  partial[threadIdx.x] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
  for (unsigned half = kThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) partial[threadIdx.x] += partial[threadIdx.x + half];
  }
  if (threadIdx.x == 0) db[blockIdx.x] += partial[0];
}

}  // namespace

void conv2d_epilogue(Context& context, const Conv2dParams& p, const float* bias,
                     const Epilogue<float>& epilogue, float* y) {
  const std::int64_t plane = p.out_height * p.out_width, count = p.batch * p.out_channels * plane;
  const std::int64_t blocks = (count + 4 * kThreads - 1) / (4 * kThreads);
  if (blocks > std::numeric_limits<int>::max())
    throw Error(ErrorKind::unsupported, "an array of ", count, " elements is too large for one kernel");
  const auto aligned = [](const void* pointer) {
    return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0;
  };
  const EpilogueShape how{count,
                          plane,
                          p.out_channels,
                          epilogue.relu,
                          static_cast<float>(epilogue.upper),
                          aligned(y) && aligned(epilogue.residual)};
  CUDA_CHECK(launch(epilogue_kernel, static_cast<unsigned>(blocks), kThreads, 0, stream_of(context), how,
                    bias, epilogue.residual, y));
}

void to_half_nhwc(Context& context, const Layout& layout, const float* x, Half* y) {
  transpose(context, layout.batch, layout.channels, layout.plane, x, false, y);
}

void from_half_nhwc(Context& context, const Layout& layout, const Half* x, bool add, float* y) {
  transpose(context, layout.batch, layout.plane, layout.channels, x, add, y);
}

void conv2d_backward_bias(Context& context, const Conv2dParams& p, const float* dy, float* db) {
  CUDA_CHECK(launch(backward_bias_kernel, static_cast<unsigned>(p.out_channels), kThreads, 0,
                    stream_of(context), p.batch, p.out_channels, p.out_height * p.out_width, dy, db));
}

}  // namespace backlight::cuda
