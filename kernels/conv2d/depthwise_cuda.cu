// Predicted limit: memory; depthwise_cost over the card's bandwidth is the least time; a 3×3 kernel has 2.25
// operations for each byte. Neighbouring threads work on neighbouring columns; the taps that they share come
// from the first level cache, which is why there is no shared memory here.
#include <algorithm>
#include <utility>

#include "engine/core/error.hpp"
#include "engine/runtime/cuda/enqueue.hpp"
#include "kernels/conv2d/depthwise_cuda.hpp"
#include "kernels/reduce.cuh"

namespace backlight::cuda {
namespace {

constexpr int kThreads = 256;

/// Outputs of a thread, one below the other: as many as there are registers for.
__host__ __device__ constexpr int strip_rows(int kernel, int stride) { return kernel * stride < 10 ? 4 : 2; }

/// The extents of one plane and what is done to it. `in` is read and `out` is written: in backward_data dy is
/// `in`.
struct Planes {
  int channels, in_height, in_width, out_height, out_width;
  int kernel_height, kernel_width, stride_height, stride_width, dilation_height, dilation_width;
  int top, left;

  __device__ std::int64_t in_area() const { return std::int64_t{in_height} * in_width; }
  __device__ std::int64_t out_area() const { return std::int64_t{out_height} * out_width; }
};

struct Finish {
  bool relu;
  float upper;
  __device__ float operator()(float sum) const {
    if (!relu) return sum;
    const float positive = sum < 0.0f ? 0.0f : sum;
    return positive > upper ? upper : positive;
  }
};

/// x[h][v], or zero outside of the plane.
__device__ float padded(const float* x, const Planes& p, int h, int v) {
  const bool inside = h >= 0 && h < p.in_height && v >= 0 && v < p.in_width;
  return inside ? __ldg(x + std::int64_t{h} * p.in_width + v) : 0.0f;
}

/// A K×K kernel at stride S, with the taps in registers. A thread computes a strip of outputs, so
/// that a row of x is loaded once for all of them that need it. `flipped` turns the kernel by 180°:
/// backward_data at stride 1.
template <int K, int S, bool flipped>
__global__ void __launch_bounds__(kThreads)
    strip_kernel(Planes p, unsigned count, const float* __restrict__ x, const float* __restrict__ w,
                 const float* __restrict__ bias, Finish finish, float* __restrict__ y) {
  constexpr int kStripRows = strip_rows(K, S);
  const unsigned i = blockIdx.x * kThreads + threadIdx.x;
  if (i >= count) return;
  const unsigned width = static_cast<unsigned>(p.out_width);
  const unsigned strips = static_cast<unsigned>((p.out_height + kStripRows - 1) / kStripRows);
  const int column = static_cast<int>(i % width), row = static_cast<int>(i / width % strips) * kStripRows;
  const unsigned plane = i / width / strips;
  const int channel = static_cast<int>(plane % static_cast<unsigned>(p.channels));
  x += plane * p.in_area();
  y += plane * p.out_area() + column;

  float tap[K * K];
#pragma unroll
  for (int t = 0; t < K * K; ++t) tap[t] = __ldg(w + channel * (K * K) + (flipped ? K * K - 1 - t : t));
  float sum[kStripRows];
#pragma unroll
  for (float& s : sum) s = bias ? __ldg(bias + channel) : 0.0f;
#pragma unroll
  for (int r = 0; r < (kStripRows - 1) * S + K; ++r) {
    float value[K];
#pragma unroll
    for (int s = 0; s < K; ++s) value[s] = padded(x, p, row * S - p.top + r, column * S - p.left + s);
#pragma unroll
    for (int output = 0; output < kStripRows; ++output) {
      if (r < output * S || r >= output * S + K) continue;
#pragma unroll
      for (int s = 0; s < K; ++s) sum[output] += tap[(r - output * S) * K + s] * value[s];
    }
  }
#pragma unroll
  for (int output = 0; output < kStripRows; ++output)
    if (row + output < p.out_height) y[std::int64_t{row + output} * p.out_width] = finish(sum[output]);
}

/// Any kernel: a thread for each output.
__global__ void __launch_bounds__(kThreads)
    forward_kernel(Planes p, unsigned count, const float* __restrict__ x, const float* __restrict__ w,
                   const float* __restrict__ bias, Finish finish, float* __restrict__ y) {
  const unsigned i = blockIdx.x * kThreads + threadIdx.x;
  if (i >= count) return;
  const unsigned width = static_cast<unsigned>(p.out_width), height = static_cast<unsigned>(p.out_height);
  const int column = static_cast<int>(i % width), row = static_cast<int>(i / width % height);
  const unsigned plane = i / width / height;
  const int channel = static_cast<int>(plane % static_cast<unsigned>(p.channels));
  x += plane * p.in_area();
  const float* tap = w + std::int64_t{channel} * p.kernel_height * p.kernel_width;
  float sum = bias ? __ldg(bias + channel) : 0.0f;
  for (int r = 0; r < p.kernel_height; ++r)
    for (int s = 0; s < p.kernel_width; ++s)
      sum += __ldg(tap++) * padded(x, p, row * p.stride_height + r * p.dilation_height - p.top,
                                   column * p.stride_width + s * p.dilation_width - p.left);
  y[i] = finish(sum);
}

/// Gathers for each dx what the outputs that read it have for it; `in` are the extents of dy and `out` those
/// of dx. K and S are the kernel's and the stride's extents both ways, or 0 where only the arguments know
/// them.
template <int K, int S>
__global__ void __launch_bounds__(kThreads)
    gather_kernel(Planes p, unsigned count, const float* __restrict__ dy, const float* __restrict__ w,
                  float* __restrict__ dx) {
  const unsigned i = blockIdx.x * kThreads + threadIdx.x;
  if (i >= count) return;
  const unsigned width = static_cast<unsigned>(p.out_width), height = static_cast<unsigned>(p.out_height);
  const int column = static_cast<int>(i % width), row = static_cast<int>(i / width % height);
  const unsigned plane = i / width / height;
  const int kernel_height = K ? K : p.kernel_height, kernel_width = K ? K : p.kernel_width;
  const int stride_height = S ? S : p.stride_height, stride_width = S ? S : p.stride_width;
  const int dilation_height = K ? 1 : p.dilation_height, dilation_width = K ? 1 : p.dilation_width;
  dy += plane * p.in_area();
  w += std::int64_t{plane % static_cast<unsigned>(p.channels)} * kernel_height * kernel_width;
  float sum = 0;
#pragma unroll(K ? K : 1)
  for (int r = 0; r < kernel_height; ++r) {
    const int h = row + p.top - r * dilation_height;
    if (h < 0 || h % stride_height != 0 || h / stride_height >= p.in_height) continue;
    const float* line = dy + std::int64_t{h / stride_height} * p.in_width;
#pragma unroll(K ? K : 1)
    for (int s = 0; s < kernel_width; ++s) {
      const int v = column + p.left - s * dilation_width;
      if (v < 0 || v % stride_width != 0 || v / stride_width >= p.in_width) continue;
      sum += __ldg(w + r * kernel_width + s) * __ldg(line + v / stride_width);
    }
  }
  dx[i] = sum;
}

/// A block for each channel and `K`×`K` taps, whose sums every thread keeps in registers; with K = 0 a block
/// for each tap. The sums of the threads meet in the order of the threads.
template <int K>
__global__ void __launch_bounds__(kThreads)
    filter_kernel(Planes p, int batch, const float* __restrict__ x, const float* __restrict__ dy,
                  float* __restrict__ dw) {
  constexpr int kTaps = K ? K * K : 1;
  const int taps = K ? 1 : p.kernel_height * p.kernel_width;  // blocks for each channel
  const int channel = static_cast<int>(blockIdx.x) / taps, tap = static_cast<int>(blockIdx.x) % taps;
  const int row_offset = (K ? 0 : tap / p.kernel_width * p.dilation_height) - p.top;
  const int column_offset = (K ? 0 : tap % p.kernel_width * p.dilation_width) - p.left;
  const int area = p.out_height * p.out_width;
  float sum[kTaps] = {};
  for (int n = 0; n < batch; ++n) {
    const std::int64_t plane = std::int64_t{n} * p.channels + channel;
    const float* xs = x + plane * p.in_area();
    const float* dys = dy + plane * area;
    for (int i = static_cast<int>(threadIdx.x); i < area; i += kThreads) {
      const float gradient = __ldg(dys + i);
      const int h = i / p.out_width * p.stride_height + row_offset;
      const int v = i % p.out_width * p.stride_width + column_offset;
#pragma unroll
      for (int t = 0; t < kTaps; ++t)
        sum[t] += gradient * padded(xs, p, h + (K ? t / K : 0), v + (K ? t % K : 0));
    }
  }
#pragma unroll
  for (int t = 0; t < kTaps; ++t) {
    const float all = BlockRow{}.reduce(sum[t], Plus{});
    if (threadIdx.x == 0) dw[std::int64_t{blockIdx.x} * kTaps + t] += all;
  }
}

/// Whether every index along an axis that the kernels compute is at most `most`.
bool axis_fits(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride,
               std::int64_t dilation, std::int64_t pad, std::int64_t most) {
  if (std::max({in, out, kernel, stride, dilation, pad}) > most) return false;
  return in + pad <= most && std::max<std::int64_t>(out - 1, 0) * stride + kernel * dilation + pad <= most;
}

/// Throws Error(unsupported) where an index would not fit.
Planes planes_of(const Conv2dParams& p) {
  if (p.groups != p.in_channels || p.groups != p.out_channels)
    throw Error(ErrorKind::unsupported, "[depthwise] ", p.in_channels, " channels in, ", p.out_channels,
                " out and ", p.groups, " groups, expected all to be equal");
  const std::int64_t planes = p.batch * p.in_channels;
  const std::int64_t most = std::numeric_limits<int>::max() - kThreads;
  if (planes * p.in_height * p.in_width > most || planes * p.out_height * p.out_width > most ||
      p.in_channels * p.kernel_height * p.kernel_width > most ||
      !axis_fits(p.in_height, p.out_height, p.kernel_height, p.stride_height, p.dilation_height, p.pad_top,
                 most) ||
      !axis_fits(p.in_width, p.out_width, p.kernel_width, p.stride_width, p.dilation_width, p.pad_left, most))
    throw Error(ErrorKind::unsupported, "[depthwise] ", planes, " planes of ", p.in_height, "×", p.in_width,
                " have too many elements for one kernel, or its stride, dilation or padding is too large");
  const auto i = [](std::int64_t extent) { return static_cast<int>(extent); };
  return {i(p.in_channels),    i(p.in_height),    i(p.in_width),      i(p.out_height),   i(p.out_width),
          i(p.kernel_height),  i(p.kernel_width), i(p.stride_height), i(p.stride_width), i(p.dilation_height),
          i(p.dilation_width), i(p.pad_top),      i(p.pad_left)};
}

/// K where the kernel is K×K and not dilated, else 0.
int square_kernel(const Planes& p) {
  const bool plain = p.dilation_height == 1 && p.dilation_width == 1 && p.kernel_height == p.kernel_width;
  return plain ? p.kernel_height : 0;
}
int square_stride(const Planes& p) { return p.stride_height == p.stride_width ? p.stride_height : 0; }

using StripKernel = void (*)(Planes, unsigned, const float*, const float*, const float*, Finish, float*);

/// Null where there is none for the shape.
StripKernel strip_kernel_for(const Planes& p) {
  const int kernel = square_kernel(p), stride = square_stride(p);
  if (kernel == 3 && stride == 1) return strip_kernel<3, 1, false>;
  if (kernel == 3 && stride == 2) return strip_kernel<3, 2, false>;
  if (kernel == 5 && stride == 1) return strip_kernel<5, 1, false>;
  if (kernel == 5 && stride == 2) return strip_kernel<5, 2, false>;
  return nullptr;
}

void launch_strips(Context& context, StripKernel kernel, const Planes& p, std::int64_t planes, const float* x,
                   const float* w, const float* bias, const Finish& finish, float* y) {
  const int rows = strip_rows(p.kernel_height, p.stride_height);
  const std::int64_t count = planes * ((p.out_height + rows - 1) / rows) * p.out_width;
  CUDA_CHECK(launch(kernel, blocks_for(count, kThreads, "depthwise"), kThreads, 0, stream_of(context), p,
                    static_cast<unsigned>(count), x, w, bias, finish, y));
}

}  // namespace

void depthwise_forward(Context& context, const Conv2dParams& params, const float* x, const float* w,
                       const DepthwiseEpilogue& epilogue, float* y) {
  const Planes p = planes_of(params);
  const std::int64_t planes = params.batch * params.in_channels, count = planes * p.out_height * p.out_width;
  if (count == 0) return;
  const Finish finish{epilogue.relu, epilogue.upper};
  if (const StripKernel kernel = strip_kernel_for(p))
    return launch_strips(context, kernel, p, planes, x, w, epilogue.bias, finish, y);
  CUDA_CHECK(launch(forward_kernel, blocks_for(count, kThreads, "depthwise"), kThreads, 0, stream_of(context),
                    p, static_cast<unsigned>(count), x, w, epilogue.bias, finish, y));
}

void depthwise_backward_data(Context& context, const Conv2dParams& params, const float* dy, const float* w,
                             float* dx) {
  Planes p = planes_of(params);
  const std::int64_t planes = params.batch * params.in_channels, count = planes * p.in_height * p.in_width;
  if (count == 0) return;
  std::swap(p.in_height, p.out_height);
  std::swap(p.in_width, p.out_width);
  const int kernel = square_kernel(p), stride = square_stride(p);
  if (stride == 1 && (kernel == 3 || kernel == 5)) {  // a convolution of dy with the kernel turned around
    p.top = kernel - 1 - p.top;
    p.left = kernel - 1 - p.left;
    return launch_strips(context, kernel == 3 ? strip_kernel<3, 1, true> : strip_kernel<5, 1, true>, p,
                         planes, dy, w, nullptr, {}, dx);
  }
  const auto gather = stride == 2 && kernel == 3   ? gather_kernel<3, 2>
                      : stride == 2 && kernel == 5 ? gather_kernel<5, 2>
                                                   : gather_kernel<0, 0>;
  CUDA_CHECK(launch(gather, blocks_for(count, kThreads, "depthwise"), kThreads, 0, stream_of(context), p,
                    static_cast<unsigned>(count), dy, w, dx));
}

void depthwise_backward_filter(Context& context, const Conv2dParams& params, const float* x, const float* dy,
                               float* dw) {
  const Planes p = planes_of(params);
  const int kernel = square_kernel(p);
  const bool registers = kernel == 3 || kernel == 5;
  const std::int64_t blocks =
      params.in_channels * (registers ? 1 : params.kernel_height * params.kernel_width);
  if (blocks == 0) return;
  CUDA_CHECK(launch(kernel == 3   ? filter_kernel<3>
                    : kernel == 5 ? filter_kernel<5>
                                  : filter_kernel<0>,
                    blocks_for(blocks, 1, "depthwise"), kThreads, 0, stream_of(context), p,
                    static_cast<int>(params.batch), x, dy, dw));
}

}  // namespace backlight::cuda
