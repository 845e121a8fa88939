#include <algorithm>

#include "engine/runtime/device.hpp"
#include "kernels/conv2d/conv2d_cpu.hpp"
#include "kernels/grain.hpp"

namespace backlight::cpu {
namespace {

/// The input positions that an axis reads: `low` to `low + extent - 1`.
struct Reach {
  std::int64_t low, extent;
  explicit Reach(const Axis& a) {
    const std::int64_t last_tap = (a.taps - 1) * a.step;
    low = a.origin + std::min<std::int64_t>(last_tap, 0);
    extent = (a.out - 1) * a.stride + a.origin + std::max<std::int64_t>(last_tap, 0) - low + 1;
  }
};

/// The plane with its padding, so that no tap needs a bounds check. A row is cut into up to `stride` rows by
/// the remainder of its columns, so that neighbouring outputs read neighbours.
struct PaddedPlane {
  PaddedPlane(const Axis& v, const Axis& h, std::int64_t lanes)
      : rows(v),
        columns(h),
        stride(h.stride),
        phases(std::min(stride, columns.extent)),
        pitch((columns.extent - 1) / stride + 1 + lanes) {}

  std::int64_t size() const { return rows.extent * phases * pitch; }
  /// Position of a row and column counted from the first ones read.
  std::int64_t at(std::int64_t row, std::int64_t column) const {
    return (row * phases + column % stride) * pitch + column / stride;
  }

  template <class T>
  void copy(const Axis& v, const Axis& h, const T* x, T* padded) const {
    const std::int64_t first = std::max<std::int64_t>(columns.low, 0);
    const std::int64_t last = std::min(h.in, columns.low + columns.extent);
    for (std::int64_t row = std::max<std::int64_t>(rows.low, 0); row < std::min(v.in, rows.low + rows.extent);
         ++row)
      for (std::int64_t phase = 0; phase < std::min(stride, last - first); ++phase) {
        const T* from = x + row * h.in + first + phase;
        T* to = padded + at(row - rows.low, first + phase - columns.low);
        copy_strided(from, stride, ceil_div(last - first - phase, stride), to);
      }
  }

  Reach rows, columns;
  std::int64_t stride, phases, pitch;
};

/// The kernel that reads the image itself, or null: a forward convolution with the usual filters.
template <class T>
typename MicroKernels<T>::Plane whole_plane(const MicroKernels<T>& kernels, const Axis& v, const Axis& h) {
  if (v.taps != h.taps || v.stride != h.stride || v.step != 1 || h.step != 1) return nullptr;
  if ((v.taps != 3 && v.taps != 5) || v.stride > 2) return nullptr;
  return kernels.depthwise_plane[v.taps == 5][v.stride == 2];
}

}  // namespace

template <class T>
void conv2d_planes(Context& context, const MicroKernels<T>& kernels, const Axis& v, const Axis& h,
                   std::span<const PlaneProblem<T>> problems) {
  const std::int64_t taps = v.taps * h.taps;
  if (taps == 0) {
    for (const PlaneProblem<T>& problem : problems) {
      std::fill_n(problem.y, v.out * h.out, problem.bias);
      apply(problem.epilogue, 0, v.out * h.out, problem.y);
    }
    return;
  }
  if (const auto convolve = whole_plane(kernels, v, h)) {
    const PlaneExtents plane{v.in, h.in, v.out, h.out, -v.origin, -h.origin};
    context.parallel_ranges(std::ssize(problems), ceil_div(kGrain, taps * v.out * h.out),
                            [&](std::int64_t begin, std::int64_t end) {
                              for (std::int64_t i = begin; i < end; ++i) {
                                const PlaneProblem<T>& p = problems[static_cast<std::size_t>(i)];
                                convolve(plane, p.x, p.w, p.bias, p.epilogue, p.y);
                              }
                            });
    return;
  }
  const PaddedPlane plane(v, h, kernels.lanes);
  auto offsets = context.vector<std::int64_t>();
  for (std::int64_t r = 0; r < v.taps; ++r)
    for (std::int64_t s = 0; s < h.taps; ++s)
      offsets.push_back(
          plane.at(v.origin + r * v.step - plane.rows.low, h.origin + s * h.step - plane.columns.low));
  auto slots = context.vector<DepthwiseSlot>();
  for (std::int64_t p = 0; p < v.out; ++p)
    for (std::int64_t q = 0; q < h.out; q += kernels.lanes)
      slots.push_back({plane.at(p * v.stride, q * h.stride), p * h.out + q,
                       static_cast<int>(std::min<std::int64_t>(kernels.lanes, h.out - q))});

  // The padding is zeroed once: copying a plane leaves it alone.
  Tensor scratch = context.zeros({context.threads(), plane.size()}, dtype_of<T>);
  T* const padded_planes = scratch.data<T>();
  context.parallel_for(std::ssize(problems), [&](std::int64_t item, int worker) {
    const PlaneProblem<T>& problem = problems[static_cast<std::size_t>(item)];
    T* const padded = padded_planes + worker * plane.size();
    plane.copy(v, h, problem.x, padded);
    kernels.depthwise(slots.data(), std::ssize(slots), padded, problem.w, offsets.data(), taps, problem.bias,
                      problem.y);
    kernels.apply(problem.epilogue, v.out * h.out, problem.y);
  });
}

template void conv2d_planes(Context&, const MicroKernels<float>&, const Axis&, const Axis&,
                            std::span<const PlaneProblem<float>>);
template void conv2d_planes(Context&, const MicroKernels<double>&, const Axis&, const Axis&,
                            std::span<const PlaneProblem<double>>);

}  // namespace backlight::cpu
