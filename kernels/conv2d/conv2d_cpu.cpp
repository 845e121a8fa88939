#include "kernels/conv2d/conv2d_cpu.hpp"

#include <algorithm>

#include "engine/core/error.hpp"
#include "engine/runtime/device.hpp"
#include "kernels/conv2d/winograd.hpp"
#include "kernels/grain.hpp"

namespace backlight::cpu {
namespace {

/// Sizes that the loops below share.
struct Extents {
  explicit Extents(const Conv2dParams& p)
      : in_plane(p.in_height * p.in_width),
        out_plane(p.out_height * p.out_width),
        c(p.in_channels / p.groups),
        o(p.out_channels / p.groups),
        taps(p.kernel_height * p.kernel_width) {}

  std::int64_t in_plane, out_plane;
  std::int64_t c, o;  ///< channels of a group
  std::int64_t taps;
};

/// A filter that reads a single plane is all packing and no product as a GEMM.
bool is_depthwise(const Extents& e) { return e.c == 1 && e.o <= 4; }

/// Whether the products of a group go by few columns: where the pixels do not fill the lanes, or are fewer than the
/// filters, which are then worth reading once. Does not depend on the batch.
bool has_few_columns(const Extents& e) {
  return e.out_plane <= 64 || (e.out_plane <= std::min<std::int64_t>(e.o, 256) && e.c * e.taps >= 256);
}

/// Whether conv2d_pack arranged the weights for gemm_of_few_columns: by the rank.
bool is_in_lanes(const Tensor& packed) { return packed.shape().rank() == 5; }

/// Whether a filter of one tap passes over pixels.
bool skips_pixels(const Conv2dParams& a) {
  const auto is_inside = [](const Axis& axis) {
    return axis.taps == 1 && axis.origin == 0 && (axis.out - 1) * axis.stride < axis.in;
  };
  return a.stride_height * a.stride_width > 1 && is_inside(vertical(a)) && is_inside(horizontal(a));
}

/// The same convolution of the pixels that it reads, at stride 1.
Conv2dParams without_stride(const Conv2dParams& a) {
  Conv2dParams dense = a;
  dense.in_height = a.out_height;
  dense.in_width = a.out_width;
  dense.stride_height = dense.stride_width = 1;
  return dense;
}

template <class T>
Tensor read_pixels(Context& context, const Conv2dParams& a, const T* x) {
  Tensor pixels = context.empty({a.batch * a.in_channels, a.out_height, a.out_width}, dtype_of<T>);
  T* const to = pixels.data<T>();
  const std::int64_t rows = a.batch * a.in_channels * a.out_height;
  context.parallel_ranges(rows, ceil_div(kGrain, a.out_width), [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t plane = row / a.out_height, p = row % a.out_height;
      copy_strided(x + (plane * a.in_height + p * a.stride_height) * a.in_width, a.stride_width, a.out_width,
                   to + row * a.out_width);
    }
  });
  return pixels;
}

/// Writes the values of one phase to the positions of dx that it stands for.
template <class T>
void scatter(Context& context, const Conv2dParams& a, const GradientPhase& v, const GradientPhase& h,
             const T* phase, T* dx) {
  context.parallel_for(a.batch * a.in_channels, [&](std::int64_t plane, int) {
    for (std::int64_t p = 0; p < v.axis.out; ++p) {
      const T* from = phase + (plane * v.axis.out + p) * h.axis.out;
      T* to = dx + (plane * a.in_height + v.first + p * v.every) * a.in_width + h.first;
      for (std::int64_t q = 0; q < h.axis.out; ++q) to[q * h.every] = from[q];
    }
  });
}

/// dx at the positions of one phase, as planes of v.axis.out × h.axis.out.
template <class T>
void backward_phase(Context& context, const MicroKernels<T>& kernels, const Conv2dParams& a,
                    const GradientPhase& v, const GradientPhase& h, const T* dy, const T* w, T* dx) {
  const Extents e(a);
  const std::int64_t plane = v.axis.out * h.axis.out;
  if (e.c == 1 && e.o == 1) {
    const std::int64_t taps = v.axis.taps * h.axis.taps;
    Tensor phase_weights = context.empty({a.groups, taps}, dtype_of<T>);
    T* weights = phase_weights.data<T>();
    for (std::int64_t g = 0; g < a.groups; ++g)
      for (std::int64_t r = 0; r < v.axis.taps; ++r)
        for (std::int64_t s = 0; s < h.axis.taps; ++s)
          *weights++ = w[g * e.taps + (v.tap + r * v.tap_step) * a.kernel_width + h.tap + s * h.tap_step];
    auto problems = context.vector<PlaneProblem<T>>();
    for (std::int64_t i = 0; i < a.batch * a.groups; ++i)
      problems.push_back(
          {dy + i * e.out_plane, phase_weights.data<T>() + i % a.groups * taps, T{0}, dx + i * plane});
    conv2d_planes<T>(context, kernels, v.axis, h.axis, problems);
    return;
  }
  auto weights = context.vector<GradientWeights<T>>();
  auto patches = context.vector<Patches<T>>();
  for (std::int64_t g = 0; g < a.groups; ++g) weights.emplace_back(a, v, h, w + g * e.o * e.c * e.taps);
  for (std::int64_t i = 0; i < a.batch * a.groups; ++i)
    patches.emplace_back(v.axis, h.axis, dy + i * e.o * e.out_plane);
  auto problems = context.vector<GemmProblem<T>>();
  for (std::int64_t i = 0; i < a.batch * a.groups; ++i)
    problems.push_back({&weights[static_cast<std::size_t>(i % a.groups)],
                        &patches[static_cast<std::size_t>(i)], nullptr, dx + i * e.c * plane});
  gemm<T>(context, kernels, {.m = e.c, .n = plane, .k = e.o * v.axis.taps * h.axis.taps, .ldc = plane},
          problems);
}

}  // namespace

std::string_view name_of(Conv2dKernel kernel) {
  switch (kernel) {
    case Conv2dKernel::winograd_4x4:
      return "winograd F(4x4)";
    case Conv2dKernel::winograd_2x2:
      return "winograd F(2x2)";
    case Conv2dKernel::depthwise:
      return "depthwise";
    case Conv2dKernel::few_columns:
      return "gemm of few columns";
    case Conv2dKernel::pointwise:
      return "gemm 1x1";
    case Conv2dKernel::patches:
      return "gemm of patches";
  }
  throw Error(ErrorKind::internal, "a convolution without a name");
}

Conv2dKernel conv2d_kernel(const Conv2dParams& a, const Tensor* packed) {
  const Extents e(a);
  if (packed && is_winograd(*packed))
    return packed->shape()[0] == 6 ? Conv2dKernel::winograd_4x4 : Conv2dKernel::winograd_2x2;
  if (is_depthwise(e)) return Conv2dKernel::depthwise;
  if (packed && is_in_lanes(*packed)) return Conv2dKernel::few_columns;
  return e.taps == 1 ? Conv2dKernel::pointwise : Conv2dKernel::patches;
}

template <class T>
void conv2d_forward_by(Context& context, const MicroKernels<T>& kernels, const Conv2dParams& a, const T* x,
                       const T* w, const T* bias, T* y, const Tensor* packed, const Epilogue<T>& epilogue) {
  const Conv2dKernel kernel = conv2d_kernel(a, packed);
  if (kernel == Conv2dKernel::winograd_4x4 || kernel == Conv2dKernel::winograd_2x2)
    return winograd_forward(context, kernels, a, x, packed->data<T>(), bias, epilogue, y);
  const Extents e(a);
  const Axis v = vertical(a), h = horizontal(a);
  if (kernel == Conv2dKernel::depthwise) {
    auto problems = context.vector<PlaneProblem<T>>();
    for (std::int64_t n = 0; n < a.batch; ++n)
      for (std::int64_t o = 0; o < a.out_channels; ++o) {
        const std::int64_t at = (n * a.out_channels + o) * e.out_plane;
        problems.push_back({x + (n * a.in_channels + o / e.o) * e.in_plane, w + o * e.taps,
                            bias ? bias[o] : T{0}, y + at, behind(epilogue, at)});
      }
    conv2d_planes<T>(context, kernels, v, h, problems);
    return;
  }
  if (skips_pixels(a)) {
    const Tensor pixels = read_pixels(context, a, x);
    return conv2d_forward_by(context, kernels, without_stride(a), pixels.data<T>(), w, bias, y, packed,
                             epilogue);
  }
  std::int64_t plane = e.in_plane;
  Tensor split;
  if (h.stride > 1) {
    plane = a.in_height * remainders(h) * ceil_div(a.in_width, h.stride);
    split = context.empty({a.batch * a.in_channels, plane}, dtype_of<T>);
    split_columns(context, a.batch * a.in_channels * a.in_height, a.in_width, h.stride, x, split.data<T>());
    x = split.data<T>();
  }
  auto weights = context.vector<RowMajor<T>>();
  auto patches = context.vector<Patches<T>>();
  const std::int64_t group_weights = e.o * e.c * e.taps;
  const std::int64_t packed_weights = packed ? packed->numel() / a.groups : 0;
  for (std::int64_t g = 0; g < a.groups; ++g) weights.emplace_back(w + g * group_weights, e.c * e.taps);
  for (std::int64_t i = 0; i < a.batch * a.groups; ++i) patches.emplace_back(v, h, x + i * e.c * plane);
  auto problems = context.vector<GemmProblem<T>>();
  for (std::int64_t i = 0; i < a.batch * a.groups; ++i) {
    const std::int64_t g = i % a.groups, at = i * e.o * e.out_plane;
    problems.push_back({&weights[static_cast<std::size_t>(g)], &patches[static_cast<std::size_t>(i)],
                        bias ? bias + g * e.o : nullptr, y + at,
                        packed ? packed->data<T>() + g * packed_weights : nullptr, behind(epilogue, at)});
  }
  const GemmShape shape{.m = e.o, .n = e.out_plane, .k = e.c * e.taps, .ldc = e.out_plane};
  if (kernel == Conv2dKernel::few_columns)
    gemm_of_few_columns<T>(context, kernels, shape, problems);
  else
    gemm<T>(context, kernels, shape, problems);
}

template <class T>
void conv2d_backward_data_by(Context& context, const MicroKernels<T>& kernels, const Conv2dParams& a,
                             const T* dy, const T* w, T* dx) {
  const Axis rows = vertical(a), columns = horizontal(a);
  for (std::int64_t row = 0; row < remainders(rows); ++row)
    for (std::int64_t column = 0; column < remainders(columns); ++column) {
      const GradientPhase v = gradient_phase(rows, row), h = gradient_phase(columns, column);
      if (v.every == 1 && h.every == 1) {
        backward_phase(context, kernels, a, v, h, dy, w, dx);
        continue;
      }
      Tensor phase = context.empty({a.batch * a.in_channels, v.axis.out, h.axis.out}, dtype_of<T>);
      backward_phase(context, kernels, a, v, h, dy, w, phase.data<T>());
      scatter(context, a, v, h, phase.data<T>(), dx);
    }
}

template <class T>
void conv2d_backward_filter_by(Context& context, const MicroKernels<T>& kernels, const Conv2dParams& a,
                               const T* x, const T* dy, T* dw) {
  const Extents e(a);
  const Axis v = vertical(a), h = horizontal(a);
  for (std::int64_t n = 0; n < a.batch; ++n) {
    auto gradients = context.vector<RowMajor<T>>();
    auto patches = context.vector<PatchesTransposed<T>>();
    for (std::int64_t i = n * a.groups; i < (n + 1) * a.groups; ++i) {
      gradients.emplace_back(dy + i * e.o * e.out_plane, e.out_plane);
      patches.emplace_back(v, h, x + i * e.c * e.in_plane);
    }
    auto problems = context.vector<GemmProblem<T>>();
    for (std::size_t g = 0; g < patches.size(); ++g)
      problems.push_back(
          {&gradients[g], &patches[g], nullptr, dw + static_cast<std::int64_t>(g) * e.o * e.c * e.taps});
    gemm<T>(context, kernels,
            {.m = e.o, .n = e.c * e.taps, .k = e.out_plane, .ldc = e.c * e.taps, .accumulate = true},
            problems);
  }
}

template <class T>
void conv2d_forward(Context& context, const Conv2dParams& a, const T* x, const T* w, const T* bias, T* y) {
  conv2d_forward_by(context, micro_kernels<T>(context.isa()), a, x, w, bias, y);
}
template <class T>
Tensor conv2d_pack(const Context& context, const Conv2dParams& a, const T* w, bool winograd) {
  if (winograd && winograd_pays(a)) return winograd_pack(context, micro_kernels<T>(context.isa()), a, w);
  const Extents e(a);
  if (is_depthwise(e)) return {};
  const MicroKernels<T>& kernels = micro_kernels<T>(context.isa());
  const bool in_lanes = has_few_columns(e);
  Tensor packed =
      in_lanes ? Tensor({a.groups, ceil_div(e.o, kernels.lanes), kernels.lanes, e.c, e.taps}, dtype_of<T>)
               : Tensor({a.out_channels, e.c, e.taps}, dtype_of<T>);
  for (std::int64_t g = 0; g < a.groups; ++g) {
    const RowMajor<T> rows(w + g * e.o * e.c * e.taps, e.c * e.taps);
    (in_lanes ? pack_lanes<T> : pack<T>)(kernels, rows, e.o, e.c * e.taps,
                                         packed.data<T>() + g * packed.numel() / a.groups);
  }
  return packed;
}
template <class T>
Tensor conv2d_pack_gradient(const Context& context, const Conv2dParams& a, const T* w, bool winograd) {
  const MicroKernels<T>& kernels = micro_kernels<T>(context.isa());
  const Conv2dParams gradient = gradient_params(a);
  if (winograd && winograd_pays(gradient)) return winograd_pack_gradient(context, kernels, a, w);
  // Several taps would be added up from the other end.
  if (Extents(a).taps > 1 || a.stride_height * a.stride_width > 1 || a.groups > 1 ||
      a.in_height != a.out_height || a.in_width != a.out_width)
    return {};
  Tensor transposed({a.in_channels, a.out_channels}, dtype_of<T>);
  const int columns = static_cast<int>(a.out_channels);
  kernels.pack_rows(w, a.in_channels, columns, a.in_channels, columns, transposed.data<T>());
  return conv2d_pack(context, gradient, transposed.data<T>(), false);
}
template <class T>
void conv2d_fused_forward(Context& context, const Conv2dParams& a, const T* x, const T* w,
                          const Tensor* packed, const T* bias, const Epilogue<T>& epilogue, T* y) {
  conv2d_forward_by(context, micro_kernels<T>(context.isa()), a, x, w, bias, y, packed, epilogue);
}
template <class T>
void conv2d_backward_data(Context& context, const Conv2dParams& a, const T* dy, const T* w, T* dx) {
  conv2d_backward_data_by(context, micro_kernels<T>(context.isa()), a, dy, w, dx);
}
template <class T>
void conv2d_backward_filter(Context& context, const Conv2dParams& a, const T* x, const T* dy, T* dw) {
  conv2d_backward_filter_by(context, micro_kernels<T>(context.isa()), a, x, dy, dw);
}

template <class T>
void conv2d_backward_bias(Context& context, const Conv2dParams& a, const T* dy, T* db) {
  const std::int64_t out_plane = a.out_height * a.out_width;
  context.parallel_for(a.out_channels, [&](std::int64_t o, int) {
    for (std::int64_t n = 0; n < a.batch; ++n) {
      const T* dyo = dy + (n * a.out_channels + o) * out_plane;
      double sum = 0;
      for (std::int64_t i = 0; i < out_plane; ++i) sum += static_cast<double>(dyo[i]);
      db[o] += static_cast<T>(sum);
    }
  });
}

#define BACKLIGHT_INSTANTIATE(T)                                                                             \
  template void conv2d_forward(Context&, const Conv2dParams&, const T*, const T*, const T*, T*);             \
  template Tensor conv2d_pack(const Context&, const Conv2dParams&, const T*, bool);                          \
  template Tensor conv2d_pack_gradient(const Context&, const Conv2dParams&, const T*, bool);                 \
  template void conv2d_fused_forward(Context&, const Conv2dParams&, const T*, const T*, const Tensor*,       \
                                     const T*, const Epilogue<T>&, T*);                                      \
  template void conv2d_backward_data(Context&, const Conv2dParams&, const T*, const T*, T*);                 \
  template void conv2d_backward_filter(Context&, const Conv2dParams&, const T*, const T*, T*);               \
  template void conv2d_backward_bias(Context&, const Conv2dParams&, const T*, T*);                           \
  template void conv2d_forward_by(Context&, const MicroKernels<T>&, const Conv2dParams&, const T*, const T*, \
                                  const T*, T*, const Tensor*, const Epilogue<T>&);                          \
  template void conv2d_backward_data_by(Context&, const MicroKernels<T>&, const Conv2dParams&, const T*,     \
                                        const T*, T*);                                                       \
  template void conv2d_backward_filter_by(Context&, const MicroKernels<T>&, const Conv2dParams&, const T*,   \
                                          const T*, T*);
BACKLIGHT_INSTANTIATE(float)
BACKLIGHT_INSTANTIATE(double)
#undef BACKLIGHT_INSTANTIATE

}  // namespace backlight::cpu
