#include "kernels/conv2d/patches.hpp"

#include <algorithm>
#include <numeric>

#include "engine/runtime/device.hpp"
#include "kernels/grain.hpp"

namespace backlight::cpu {
namespace {

std::int64_t floor_mod(std::int64_t a, std::int64_t b) { return ((a % b) + b) % b; }

/// Positions p in [begin, end) with 0 <= p·stride + offset < extent.
struct Range {
  std::int64_t begin, end;
};
Range inside(Range range, std::int64_t stride, std::int64_t offset, std::int64_t extent) {
  const std::int64_t first = offset >= 0 ? 0 : ceil_div(-offset, stride);
  const std::int64_t last = offset >= extent ? 0 : ceil_div(extent - offset, stride);
  range.begin = std::max(range.begin, first);
  range.end = std::max(range.begin, std::min(range.end, last));
  return range;
}

constexpr int kMaxPanel = 64;

}  // namespace

Axis vertical(const Conv2dParams& p) {
  return {p.in_height, p.out_height, p.kernel_height, p.stride_height, p.dilation_height, -p.pad_top};
}
Axis horizontal(const Conv2dParams& p) {
  return {p.in_width, p.out_width, p.kernel_width, p.stride_width, p.dilation_width, -p.pad_left};
}

GradientPhase gradient_phase(const Axis& f, std::int64_t first) {
  const std::int64_t tap_step = f.stride / std::gcd(f.stride, f.step);
  std::int64_t tap = 0;
  while (tap < std::min(tap_step, f.taps) && floor_mod(first - f.origin - tap * f.step, f.stride) != 0) ++tap;
  const bool reached = tap < std::min(tap_step, f.taps);
  return {.axis = {.in = f.out,
                   .out = ceil_div(f.in - first, f.stride),
                   .taps = reached ? ceil_div(f.taps - tap, tap_step) : 0,
                   .stride = 1,
                   .step = -(f.step * tap_step) / f.stride,
                   .origin = reached ? (first - f.origin - tap * f.step) / f.stride : 0},
          .first = first,
          .every = f.stride,
          .tap = tap,
          .tap_step = tap_step};
}

template <class T>
void split_columns(Context& context, std::int64_t rows, std::int64_t width, std::int64_t stride, const T* x,
                   T* split) {
  const std::int64_t phases = std::min(stride, width), pitch = ceil_div(width, stride);
  context.parallel_ranges(rows, ceil_div(kGrain, width), [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row)
      for (std::int64_t phase = 0; phase < phases; ++phase) {
        const T* from = x + row * width + phase;
        T* to = split + (row * phases + phase) * pitch;
        copy_strided(from, stride, ceil_div(width - phase, stride), to);
      }
  });
}

template <class T>
Patches<T>::Patches(const Axis& vertical, const Axis& horizontal, const T* x)
    : vertical_(vertical),
      horizontal_(horizontal),
      remainders_(remainders(horizontal)),
      pitch_(ceil_div(horizontal.in, horizontal.stride)),
      are_pixels_(vertical.taps == 1 && horizontal.taps == 1 && vertical.stride == 1 &&
                  horizontal.stride == 1 && vertical.origin == 0 && horizontal.origin == 0 &&
                  horizontal.in == horizontal.out),
      x_(x) {
  if (are_pixels_) {  // the image is one long row
    horizontal_.in = pitch_ = vertical.in * horizontal.in;
    horizontal_.out = vertical.out * horizontal.out;
    vertical_.in = vertical_.out = 1;
  }
}

template <class T>
Stepping<T> Patches<T>::in_memory(std::int64_t i, std::int64_t k) const {
  if (!are_pixels_) return {};
  return {x_ + k * pitch_ + i, pitch_};
}

template <class T>
int Patches<T>::runs_of(std::int64_t i0, int count, std::int64_t r, std::int64_t s, Run* runs) const {
  const std::int64_t column = s * horizontal_.step + horizontal_.origin;
  const std::int64_t phase = floor_mod(column, horizontal_.stride);
  const std::int64_t shift = (column - phase) / horizontal_.stride;
  const std::int64_t extent = ceil_div(horizontal_.in - phase, horizontal_.stride);
  int found = 0;
  std::int64_t p = i0 / horizontal_.out, q = i0 % horizontal_.out;
  for (int lane = 0; lane < count; ++p, q = 0) {
    const int length = static_cast<int>(std::min<std::int64_t>(count - lane, horizontal_.out - q));
    const std::int64_t row = p * vertical_.stride + r * vertical_.step + vertical_.origin;
    if (row >= 0 && row < vertical_.in) {
      const Range range = inside({q, q + length}, 1, shift, extent);
      if (range.begin < range.end)
        runs[found++] = {(row * remainders_ + phase) * pitch_ + range.begin + shift,
                         lane + static_cast<int>(range.begin - q), lane + static_cast<int>(range.end - q)};
    }
    lane += length;
  }
  return found;
}

template <class T>
void Patches<T>::pack(const MicroKernels<T>& kernels, std::int64_t i0, int count, int width, std::int64_t k0,
                      std::int64_t depth, T* panel) const {
  const std::int64_t taps = vertical_.taps * horizontal_.taps;
  const std::int64_t plane = vertical_.in * remainders_ * pitch_;
  Run runs[kMaxPanel];
  for (std::int64_t tap = 0; tap < taps; ++tap) {
    // Channels c with k0 <= c·taps + tap < k0 + depth.
    const Range channels = inside({0, k0 + depth}, taps, tap - k0, depth);
    if (channels.begin == channels.end) continue;
    const int found = runs_of(i0, count, tap / horizontal_.taps, tap % horizontal_.taps, runs);
    kernels.copy_runs(runs, found, width, channels.end - channels.begin, x_ + channels.begin * plane, plane,
                      panel + (channels.begin * taps + tap - k0) * width, taps * width);
  }
}

template <class T>
void PatchesTransposed<T>::pack(const MicroKernels<T>&, std::int64_t i0, int count, int width,
                                std::int64_t k0, std::int64_t depth, T* panel) const {
  const std::int64_t taps = vertical_.taps * horizontal_.taps;
  std::fill_n(panel, depth * width, T{0});
  for (int lane = 0; lane < count; ++lane) {
    const std::int64_t tap = (i0 + lane) % taps;
    const T* plane = x_ + (i0 + lane) / taps * vertical_.in * horizontal_.in;
    const std::int64_t top = tap / horizontal_.taps * vertical_.step + vertical_.origin;
    const std::int64_t left = tap % horizontal_.taps * horizontal_.step + horizontal_.origin;
    std::int64_t p = k0 / horizontal_.out, q = k0 % horizontal_.out;
    for (std::int64_t k = 0; k < depth; ++p, q = 0) {
      const std::int64_t length = std::min(depth - k, horizontal_.out - q);
      const std::int64_t row = p * vertical_.stride + top;
      if (row >= 0 && row < vertical_.in) {
        const Range range = inside({q, q + length}, horizontal_.stride, left, horizontal_.in);
        const T* from = plane + row * horizontal_.in + left;
        T* to = panel + (k - q) * width + lane;
        for (std::int64_t at = range.begin; at < range.end; ++at)
          to[at * width] = from[at * horizontal_.stride];
      }
      k += length;
    }
  }
}

template <class T>
GradientWeights<T>::GradientWeights(const Conv2dParams& p, const GradientPhase& vertical,
                                    const GradientPhase& horizontal, const T* w)
    : rows_(vertical.axis.taps),
      columns_(horizontal.axis.taps),
      i_stride_(p.kernel_height * p.kernel_width),
      o_stride_(p.in_channels / p.groups * i_stride_),
      row_stride_(vertical.tap_step * p.kernel_width),
      column_stride_(horizontal.tap_step),
      w_(w + vertical.tap * p.kernel_width + horizontal.tap) {}

template <class T>
void GradientWeights<T>::pack(const MicroKernels<T>& kernels, std::int64_t i0, int count, int,
                              std::int64_t k0, std::int64_t depth, T* panel) const {
  const std::int64_t k1 = k0 + depth;
  for (std::int64_t k = k0; k < k1;) {
    const std::int64_t s = k % columns_, r = k / columns_ % rows_, o = k / columns_ / rows_;
    const T* from = w_ + i0 * i_stride_ + o * o_stride_ + r * row_stride_ + s * column_stride_;
    T* const to = panel + (k - k0) * count;
    if (column_stride_ == 1 && i_stride_ > 1) {
      // Up to the end of the taps' row, or of all taps where the rows follow one another.
      const std::int64_t left = row_stride_ == columns_ ? (rows_ - r) * columns_ - s : columns_ - s;
      const std::int64_t length = std::min(left, k1 - k);
      kernels.pack_rows(from, i_stride_, count, length, count, to);
      k += length;
    } else {
      for (int i = 0; i < count; ++i) to[i] = from[i * i_stride_];
      ++k;
    }
  }
}

#define BACKLIGHT_INSTANTIATE(T)                                                                 \
  template void split_columns(Context&, std::int64_t, std::int64_t, std::int64_t, const T*, T*); \
  template class Patches<T>;                                                                     \
  template class PatchesTransposed<T>;                                                           \
  template class GradientWeights<T>;
BACKLIGHT_INSTANTIATE(float)
BACKLIGHT_INSTANTIATE(double)
#undef BACKLIGHT_INSTANTIATE

}  // namespace backlight::cpu
