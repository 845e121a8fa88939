// Predicted limit: memory; the costs of strided_identity_pad.hpp over the card's bandwidth are the least
// times. Each output of either direction is written once, by one thread.
#include "engine/runtime/cuda/enqueue.hpp"
#include "kernels/grid.hpp"
#include "kernels/launch.hpp"
#include "kernels/strided_identity_pad/strided_identity_pad.hpp"

namespace backlight::cuda {
namespace {

constexpr int kThreads = 256;

/// StridedIdentityPadParams in 32 bits.
struct Extents {
  unsigned channels, in_height, in_width, out_channels, out_height, out_width, stride, front;
};

/// A thread per output, count of them.
__global__ void __launch_bounds__(kThreads)
    forward_kernel(const float* __restrict__ x, float* __restrict__ y, Extents e, unsigned count) {
  const unsigned index = blockIdx.x * kThreads + threadIdx.x;
  if (index >= count) return;
  const unsigned line = index / e.out_width, j = index - line * e.out_width;
  const unsigned plane = line / e.out_height, i = line - plane * e.out_height;
  const unsigned n = plane / e.out_channels;
  const unsigned c = plane - n * e.out_channels - e.front;  // wraps around in front of the first channel
  float value = 0;
  if (c < e.channels)
    value = __ldg(x + ((n * e.channels + c) * e.in_height + i * e.stride) * e.in_width + j * e.stride);
  y[index] = value;
}

/// A thread per pixel, count of them.
__global__ void __launch_bounds__(kThreads)
    backward_kernel(const float* __restrict__ dy, float* __restrict__ dx, Extents e, unsigned count) {
  const unsigned index = blockIdx.x * kThreads + threadIdx.x;
  if (index >= count) return;
  const unsigned line = index / e.in_width, column = index - line * e.in_width;
  const unsigned plane = line / e.in_height, row = line - plane * e.in_height;
  const unsigned n = plane / e.channels, c = plane - n * e.channels + e.front;
  const unsigned i = row / e.stride, j = column / e.stride;
  float value = 0;
  if (i * e.stride == row && j * e.stride == column)
    value = __ldg(dy + ((n * e.out_channels + c) * e.out_height + i) * e.out_width + j);
  dx[index] = value;
}

unsigned input_count(const StridedIdentityPadParams& p) {
  return index32(p.batch * p.channels * p.in_height * p.in_width, "strided_identity_pad");
}
unsigned output_count(const StridedIdentityPadParams& p) {
  return index32(p.batch * p.out_channels * p.out_height * p.out_width, "strided_identity_pad");
}

template <class Kernel>
void launch_threads(Context& context, const StridedIdentityPadParams& p, Kernel kernel, const float* in,
                    float* out, unsigned count) {
  if (count == 0) return;
  const auto narrow = [](std::int64_t extent) { return index32(extent, "strided_identity_pad"); };
  const Extents extents{narrow(p.channels),   narrow(p.in_height), narrow(p.in_width), narrow(p.out_channels),
                        narrow(p.out_height), narrow(p.out_width), narrow(p.stride),   narrow(p.front)};
  CUDA_CHECK(launch(kernel, blocks_for(count, kThreads, "strided_identity_pad"), kThreads, 0,
                    stream_of(context), in, out, extents, count));
}

}  // namespace

void strided_identity_pad_forward(Context& context, const StridedIdentityPadParams& p, const float* x,
                                  float* y) {
  input_count(p);
  launch_threads(context, p, forward_kernel, x, y, output_count(p));
}

void strided_identity_pad_backward(Context& context, const StridedIdentityPadParams& p, const float* dy,
                                   float* dx) {
  output_count(p);
  launch_threads(context, p, backward_kernel, dy, dx, input_count(p));
}

}  // namespace backlight::cuda
