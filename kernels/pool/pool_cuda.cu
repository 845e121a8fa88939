// Predicted limit: memory; the costs of pool.hpp over the card's bandwidth are the least times. Backward
// gathers, so that it needs no atomics and adds in the CPU's order.
#include <algorithm>

#include "engine/runtime/cuda/enqueue.hpp"
#include "kernels/grad_cam/grad_cam.hpp"
#include "kernels/grid.hpp"
#include "kernels/launch.hpp"
#include "kernels/pool/pool.hpp"

namespace backlight::cuda {
namespace {

constexpr int kThreads = 256;

/// One axis of Pool2dParams.
struct Axis {
  int size, outputs, kernel, stride, pad, dilation;

  __device__ int start(int output) const { return output * stride - pad; }
  /// The outputs from first to last are those whose window spans position r.
  __device__ int first_window(int r) const {
    const int beyond = r + pad - (kernel - 1) * dilation;
    return beyond > 0 ? (beyond + stride - 1) / stride : 0;
  }
  __device__ int last_window(int r) const { return min((r + pad) / stride, outputs - 1); }
  /// What the divisor of an average counts along this axis.
  __device__ int counted(int output, bool include_pad) const {
    const int begin = start(output), end = min(begin + kernel, size + pad);
    return include_pad ? end - begin : min(end, size) - max(begin, 0);
  }
};

struct Planes {
  Axis rows, columns;
  bool include_pad;

  __device__ float divisor(int i, int j) const {
    return static_cast<float>(std::int64_t{rows.counted(i, include_pad)} * columns.counted(j, include_pad));
  }
};

/// An element of a stack of planes, from its index in storage.
struct Position {
  unsigned plane;
  int row, column;

  __device__ Position(unsigned index, int height, int width) {
    const unsigned line = index / static_cast<unsigned>(width);
    plane = line / static_cast<unsigned>(height);
    row = static_cast<int>(line - plane * static_cast<unsigned>(height));
    column = static_cast<int>(index - line * static_cast<unsigned>(width));
  }
};

__device__ bool inside(int position, int size) { return position >= 0 && position < size; }

/// A thread per output, count of them. argmax may be null.
__global__ void __launch_bounds__(kThreads)
    max_forward_kernel(const float* __restrict__ x, float* __restrict__ y, std::int32_t* __restrict__ argmax,
                       Planes p, unsigned count) {
  const unsigned index = blockIdx.x * kThreads + threadIdx.x;
  if (index >= count) return;
  const Position at(index, p.rows.outputs, p.columns.outputs);
  x += static_cast<std::size_t>(at.plane) * p.rows.size * p.columns.size;
  float best = -INFINITY;
  int where = -1;
  for (int kh = 0; kh < p.rows.kernel; ++kh) {
    const int row = p.rows.start(at.row) + kh * p.rows.dilation;
    if (!inside(row, p.rows.size)) continue;
#pragma unroll 4
    for (int kw = 0; kw < p.columns.kernel; ++kw) {
      const int column = p.columns.start(at.column) + kw * p.columns.dilation;
      if (!inside(column, p.columns.size)) continue;
      const int here = row * p.columns.size + column;
      const float v = __ldg(x + here);
      if (v > best || v != v || where < 0) {
        best = v;
        where = here;
      }
    }
  }
  y[index] = best;
  if (argmax) argmax[index] = where;
}

/// A thread per pixel, count of them.
__global__ void __launch_bounds__(kThreads)
    max_backward_kernel(const std::int32_t* __restrict__ argmax, const float* __restrict__ dy,
                        float* __restrict__ dx, Planes p, unsigned count) {
  const unsigned index = blockIdx.x * kThreads + threadIdx.x;
  if (index >= count) return;
  const Position at(index, p.rows.size, p.columns.size);
  const int here = at.row * p.columns.size + at.column;
  const std::size_t outputs = static_cast<std::size_t>(at.plane) * p.rows.outputs * p.columns.outputs;
  const int first = p.columns.first_window(at.column), last = p.columns.last_window(at.column);
  float sum = 0;
  for (int i = p.rows.first_window(at.row); i <= p.rows.last_window(at.row); ++i)
#pragma unroll 2
    for (int j = first; j <= last; ++j) {
      const std::size_t output = outputs + i * p.columns.outputs + j;
      if (__ldg(argmax + output) == here) sum += __ldg(dy + output);
    }
  dx[index] = sum;
}

/// A thread per output, count of them.
__global__ void __launch_bounds__(kThreads)
    avg_forward_kernel(const float* __restrict__ x, float* __restrict__ y, Planes p, unsigned count) {
  const unsigned index = blockIdx.x * kThreads + threadIdx.x;
  if (index >= count) return;
  const Position at(index, p.rows.outputs, p.columns.outputs);
  x += static_cast<std::size_t>(at.plane) * p.rows.size * p.columns.size;
  float sum = 0;
  for (int kh = 0; kh < p.rows.kernel; ++kh) {
    const int row = p.rows.start(at.row) + kh;
    if (!inside(row, p.rows.size)) continue;
#pragma unroll 4
    for (int kw = 0; kw < p.columns.kernel; ++kw) {
      const int column = p.columns.start(at.column) + kw;
      if (inside(column, p.columns.size)) sum += __ldg(x + row * p.columns.size + column);
    }
  }
  y[index] = sum / p.divisor(at.row, at.column);
}

/// A thread per pixel, count of them. The CPU adds tap by tap, so of two windows in one row the right one
/// comes first.
__global__ void __launch_bounds__(kThreads)
    avg_backward_kernel(const float* __restrict__ dy, float* __restrict__ dx, Planes p, unsigned count) {
  const unsigned index = blockIdx.x * kThreads + threadIdx.x;
  if (index >= count) return;
  const Position at(index, p.rows.size, p.columns.size);
  dy += static_cast<std::size_t>(at.plane) * p.rows.outputs * p.columns.outputs;
  const int first = p.columns.first_window(at.column), last = p.columns.last_window(at.column);
  float sum = 0;
  for (int i = p.rows.first_window(at.row); i <= p.rows.last_window(at.row); ++i)
#pragma unroll 2
    for (int j = last; j >= first; --j) sum += __ldg(dy + i * p.columns.outputs + j) / p.divisor(i, j);
  dx[index] = sum;
}

/// The one output of each plane was the mean of its `area` elements: dx = dy/area. A thread per pixel.
__global__ void __launch_bounds__(kThreads)
    global_avg_backward_kernel(const float* __restrict__ dy, float* __restrict__ dx, unsigned area,
                               unsigned count) {
  const unsigned index = blockIdx.x * kThreads + threadIdx.x;
  if (index < count) dx[index] = __ldg(dy + index / area) / static_cast<float>(area);
}

/// One axis of adaptive pooling.
struct AdaptiveAxis {
  unsigned size, outputs;

  __device__ unsigned begin(unsigned output) const { return output * size / outputs; }
  __device__ unsigned end(unsigned output) const { return ((output + 1) * size + outputs - 1) / outputs; }
  /// The outputs from first to last are those whose window holds position r.
  __device__ unsigned first_window(unsigned r) const { return r * outputs / size; }
  __device__ unsigned last_window(unsigned r) const { return ((r + 1) * outputs - 1) / size; }
};

/// `lanes` threads per output, 1 or a warp; count outputs.
template <int lanes>
__global__ void __launch_bounds__(kThreads)
    adaptive_forward_kernel(const float* __restrict__ x, float* __restrict__ y, AdaptiveAxis rows,
                            AdaptiveAxis columns, unsigned count) {
  const unsigned index = blockIdx.x * (kThreads / lanes) + threadIdx.x / lanes;
  if (index >= count) return;
  const Position at(index, static_cast<int>(rows.outputs), static_cast<int>(columns.outputs));
  x += static_cast<std::size_t>(at.plane) * rows.size * columns.size;
  const unsigned top = rows.begin(at.row), left = columns.begin(at.column);
  const unsigned width = columns.end(at.column) - left;
  const unsigned area = (rows.end(at.row) - top) * width;
  float sum = 0;
#pragma unroll 4
  for (unsigned i = threadIdx.x % lanes; i < area; i += lanes)
    sum += __ldg(x + (top + i / width) * columns.size + left + i % width);
  for (int delta = lanes / 2; delta > 0; delta /= 2) sum += __shfl_xor_sync(kAllLanes, sum, delta);
  if (threadIdx.x % lanes == 0) y[index] = sum / static_cast<float>(area);
}

/// A thread per pixel, count of them.
__global__ void __launch_bounds__(kThreads)
    adaptive_backward_kernel(const float* __restrict__ dy, float* __restrict__ dx, AdaptiveAxis rows,
                             AdaptiveAxis columns, unsigned count) {
  const unsigned index = blockIdx.x * kThreads + threadIdx.x;
  if (index >= count) return;
  const Position at(index, static_cast<int>(rows.size), static_cast<int>(columns.size));
  dy += static_cast<std::size_t>(at.plane) * rows.outputs * columns.outputs;
  const unsigned first = columns.first_window(at.column), last = columns.last_window(at.column);
  float sum = 0;
  for (unsigned i = rows.first_window(at.row); i <= rows.last_window(at.row); ++i) {
    const unsigned height = rows.end(i) - rows.begin(i);
    for (unsigned j = first; j <= last; ++j) {
      const unsigned area = height * (columns.end(j) - columns.begin(j));
      sum += __ldg(dy + i * columns.outputs + j) / static_cast<float>(area);
    }
  }
  dx[index] = sum;
}

/// Refuses planes in which 32-bit positions would overflow.
Planes planes_of(std::string_view operation, const Pool2dParams& p) {
  index32(p.planes * std::max(p.in_height * p.in_width, p.out_height * p.out_width), operation);
  const auto axis = [&](std::int64_t size, std::int64_t outputs, std::int64_t kernel, std::int64_t stride,
                        std::int64_t pad, std::int64_t dilation) {
    index32(size + 2 * pad + stride + kernel * dilation, operation);
    return Axis{static_cast<int>(size),   static_cast<int>(outputs), static_cast<int>(kernel),
                static_cast<int>(stride), static_cast<int>(pad),     static_cast<int>(dilation)};
  };
  return {axis(p.in_height, p.out_height, p.kernel_height, p.stride_height, p.pad_height, p.dilation_height),
          axis(p.in_width, p.out_width, p.kernel_width, p.stride_width, p.pad_width, p.dilation_width),
          p.count_include_pad};
}

AdaptiveAxis adaptive_axis(std::int64_t size, std::int64_t outputs) {
  index32((size + 1) * (outputs + 1), "adaptive_avg_pool2d");
  return {static_cast<unsigned>(size), static_cast<unsigned>(outputs)};
}

unsigned input_count(std::string_view operation, const Pool2dParams& p) {
  return index32(p.planes * p.in_height * p.in_width, operation);
}
unsigned output_count(std::string_view operation, const Pool2dParams& p) {
  return index32(p.planes * p.out_height * p.out_width, operation);
}

/// `count` threads, none for an empty batch.
template <class... P, class... A>
void launch_threads(Context& context, unsigned count, void (*kernel)(P...), A... arguments) {
  if (count == 0) return;
  CUDA_CHECK(launch(kernel, (count + kThreads - 1) / kThreads, kThreads, 0, stream_of(context), arguments...,
                    count));
}

bool is_global(const Pool2dParams& p) {
  return p.out_height == 1 && p.out_width == 1 && p.kernel_height == p.in_height &&
         p.kernel_width == p.in_width && p.pad_height == 0 && p.pad_width == 0;
}

void global_avg_forward(Context& context, const Pool2dParams& p, const float* x, float* y) {
  const std::int64_t area = p.in_height * p.in_width;
  channel_sum(context, {1, p.planes, area}, 1.0 / static_cast<double>(area), x, y);
}

void global_avg_backward(Context& context, const Pool2dParams& p, const float* dy, float* dx) {
  launch_threads(context, input_count("avg_pool2d", p), global_avg_backward_kernel, dy, dx,
                 static_cast<unsigned>(p.in_height * p.in_width));
}

}  // namespace

void max_pool2d_forward(Context& context, const Pool2dParams& p, const float* x, float* y,
                        std::int32_t* argmax) {
  const Planes planes = planes_of("max_pool2d", p);
  launch_threads(context, output_count("max_pool2d", p), max_forward_kernel, x, y, argmax, planes);
}

void max_pool2d_backward(Context& context, const Pool2dParams& p, const std::int32_t* argmax, const float* dy,
                         float* dx) {
  const Planes planes = planes_of("max_pool2d", p);
  launch_threads(context, input_count("max_pool2d", p), max_backward_kernel, argmax, dy, dx, planes);
}

void avg_pool2d_forward(Context& context, const Pool2dParams& p, const float* x, float* y) {
  if (is_global(p)) return global_avg_forward(context, p, x, y);
  const Planes planes = planes_of("avg_pool2d", p);
  launch_threads(context, output_count("avg_pool2d", p), avg_forward_kernel, x, y, planes);
}

void avg_pool2d_backward(Context& context, const Pool2dParams& p, const float* dy, float* dx) {
  if (is_global(p)) return global_avg_backward(context, p, dy, dx);
  const Planes planes = planes_of("avg_pool2d", p);
  launch_threads(context, input_count("avg_pool2d", p), avg_backward_kernel, dy, dx, planes);
}

void adaptive_avg_pool2d_forward(Context& context, const Pool2dParams& p, const float* x, float* y) {
  if (p.out_height == 1 && p.out_width == 1) return global_avg_forward(context, p, x, y);
  const AdaptiveAxis rows = adaptive_axis(p.in_height, p.out_height),
                     columns = adaptive_axis(p.in_width, p.out_width);
  input_count("adaptive_avg_pool2d", p);
  const unsigned count = output_count("adaptive_avg_pool2d", p);
  constexpr std::int64_t kWarpArea = 16;  // from here on, a warp per output
  if (p.in_height * p.in_width < kWarpArea * p.out_height * p.out_width)
    return launch_threads(context, count, adaptive_forward_kernel<1>, x, y, rows, columns);
  if (count > 0)
    CUDA_CHECK(launch(adaptive_forward_kernel<kWarp>,
                      blocks_for(count, kThreads / kWarp, "adaptive_avg_pool2d"), kThreads, 0,
                      stream_of(context), x, y, rows, columns, count));
}

void adaptive_avg_pool2d_backward(Context& context, const Pool2dParams& p, const float* dy, float* dx) {
  if (p.out_height == 1 && p.out_width == 1) return global_avg_backward(context, p, dy, dx);
  const AdaptiveAxis rows = adaptive_axis(p.in_height, p.out_height),
                     columns = adaptive_axis(p.in_width, p.out_width);
  output_count("adaptive_avg_pool2d", p);
  launch_threads(context, input_count("adaptive_avg_pool2d", p), adaptive_backward_kernel, dy, dx, rows,
                 columns);
}

}  // namespace backlight::cuda
