// Bound by memory: the costs of subsample_pad.hpp over the card's bandwidth are the least times. Each output
// of either direction is written once, by one thread.
#include "engine/runtime/cuda/check.hpp"
#include "engine/runtime/cuda/stream.hpp"
#include "engine/runtime/device.hpp"
#include "kernels/grid.hpp"
#include "kernels/launch.hpp"
#include "kernels/subsample_pad/subsample_pad.hpp"

namespace backlight::cuda {
namespace {

constexpr int kThreads = 256;

/// SubsamplePadParams in 32 bits.
struct Extents {
  unsigned channels, h, w, out_channels, out_h, out_w, stride, front;
};

/// A thread per output, count of them.
__global__ void __launch_bounds__(kThreads)
    forward_kernel(const float* __restrict__ x, float* __restrict__ y, Extents e, unsigned count) {
  const unsigned index = blockIdx.x * kThreads + threadIdx.x;
  if (index >= count) return;
  const unsigned line = index / e.out_w, j = index - line * e.out_w;
  const unsigned plane = line / e.out_h, i = line - plane * e.out_h;
  const unsigned n = plane / e.out_channels;
  const unsigned c = plane - n * e.out_channels - e.front;  // wraps around in front of the first channel
  float value = 0;
  if (c < e.channels) value = __ldg(x + ((n * e.channels + c) * e.h + i * e.stride) * e.w + j * e.stride);
  y[index] = value;
}

/// A thread per pixel, count of them.
__global__ void __launch_bounds__(kThreads)
    backward_kernel(const float* __restrict__ dy, float* __restrict__ dx, Extents e, unsigned count) {
  const unsigned index = blockIdx.x * kThreads + threadIdx.x;
  if (index >= count) return;
  const unsigned line = index / e.w, column = index - line * e.w;
  const unsigned plane = line / e.h, row = line - plane * e.h;
  const unsigned n = plane / e.channels, c = plane - n * e.channels + e.front;
  const unsigned i = row / e.stride, j = column / e.stride;
  float value = 0;
  if (i * e.stride == row && j * e.stride == column)
    value = __ldg(dy + ((n * e.out_channels + c) * e.out_h + i) * e.out_w + j);
  dx[index] = value;
}

unsigned input_count(const SubsamplePadParams& p) {
  return index32(p.n * p.channels * p.h * p.w, "subsample_pad");
}
unsigned output_count(const SubsamplePadParams& p) {
  return index32(p.n * p.out_channels * p.out_h * p.out_w, "subsample_pad");
}

template <class Kernel>
void launch_threads(Context& context, const SubsamplePadParams& p, Kernel kernel, const float* in, float* out,
                    unsigned count) {
  if (count == 0) return;
  const auto narrow = [](std::int64_t extent) { return index32(extent, "subsample_pad"); };
  const Extents extents{narrow(p.channels), narrow(p.h),     narrow(p.w),      narrow(p.out_channels),
                        narrow(p.out_h),    narrow(p.out_w), narrow(p.stride), narrow(p.front)};
  CUDA_CHECK(launch(kernel, blocks_for(count, kThreads, "subsample_pad"), kThreads, 0, context.stream().get(),
                    in, out, extents, count));
}

}  // namespace

void subsample_pad_forward(Context& context, const SubsamplePadParams& p, const float* x, float* y) {
  input_count(p);
  launch_threads(context, p, forward_kernel, x, y, output_count(p));
}

void subsample_pad_backward(Context& context, const SubsamplePadParams& p, const float* dy, float* dx) {
  output_count(p);
  launch_threads(context, p, backward_kernel, dy, dx, input_count(p));
}

}  // namespace backlight::cuda
