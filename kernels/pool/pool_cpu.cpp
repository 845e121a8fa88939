#include <algorithm>
#include <limits>
#include <type_traits>
#include <vector>

#include "engine/runtime/device.hpp"
#include "kernels/gemm/micro_kernels.hpp"
#include "kernels/grain.hpp"
#include "kernels/pool/pool.hpp"

namespace backlight::cpu {
namespace {

struct Window {
  std::int64_t begin, end;
};

/// The outputs j whose tap at `offset` lies inside the input: 0 ≤ j·stride + offset < size.
Window outputs_inside(std::int64_t offset, std::int64_t stride, std::int64_t size, std::int64_t outputs) {
  const std::int64_t begin = offset >= 0 ? 0 : ceil_div(-offset, stride);
  const std::int64_t end = offset >= size ? 0 : std::min(outputs, (size - 1 - offset) / stride + 1);
  return {begin, std::max(begin, end)};
}

/// Calls fn(row of the input, offset of the tap, outputs) for each tap of output row i, in the window's
/// order. The innermost loop is left to fn and runs along the output row, so that it vectorises.
template <class Fn>
void for_each_tap(const Pool2dParams& p, std::int64_t i, const Fn& fn) {
  for (std::int64_t kh = 0; kh < p.kernel_height; ++kh) {
    const std::int64_t row = i * p.stride_height - p.pad_height + kh * p.dilation_height;
    if (row < 0 || row >= p.in_height) continue;
    for (std::int64_t kw = 0; kw < p.kernel_width; ++kw) {
      const std::int64_t offset = kw * p.dilation_width - p.pad_width;
      fn(row, offset, outputs_inside(offset, p.stride_width, p.in_width, p.out_width));
    }
  }
}

/// Calls fn with the stride, as a constant where that pays.
template <class Fn>
void with_stride(std::int64_t stride, const Fn& fn) {
  if (stride == 1) return fn(std::integral_constant<std::int64_t, 1>{});
  if (stride == 2) return fn(std::integral_constant<std::int64_t, 2>{});
  fn(stride);
}

/// 2×2 or 3×3 windows at stride 2, for which there are micro-kernels.
bool is_halving(const Pool2dParams& p) {
  return p.kernel_height == p.kernel_width && (p.kernel_height == 2 || p.kernel_height == 3) &&
         p.stride_height == 2 && p.stride_width == 2 && p.dilation_height == 1 && p.dilation_width == 1;
}

template <class Fn>
void for_each_plane(Context& context, const Pool2dParams& p, const Fn& fn) {
  const std::int64_t size = std::max<std::int64_t>(1, p.in_height * p.in_width);
  context.parallel_ranges(p.planes, kGrain / size, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t plane = begin; plane < end; ++plane) fn(plane);
  });
}

/// The d of output (i, j); `divisors` holds those of output row i.
template <class T>
void average_divisors(const Pool2dParams& p, std::int64_t i, std::vector<T>& divisors) {
  const auto extent = [&](std::int64_t start, std::int64_t kernel, std::int64_t size, std::int64_t pad) {
    const std::int64_t end = std::min(start + kernel, size + pad);
    return p.count_include_pad ? end - start : std::min(end, size) - std::max<std::int64_t>(start, 0);
  };
  const std::int64_t rows =
      extent(i * p.stride_height - p.pad_height, p.kernel_height, p.in_height, p.pad_height);
  for (std::int64_t j = 0; j < p.out_width; ++j)
    divisors[static_cast<std::size_t>(j)] = static_cast<T>(
        rows * extent(j * p.stride_width - p.pad_width, p.kernel_width, p.in_width, p.pad_width));
}

/// Rows or columns that output i of `outputs` averages.
Window adaptive_window(std::int64_t i, std::int64_t size, std::int64_t outputs) {
  return {i * size / outputs, ceil_div((i + 1) * size, outputs)};
}

}  // namespace

template <class T>
void max_pool2d_forward(Context& context, const Pool2dParams& p, const T* x, T* y, std::int32_t* argmax) {
  if (!argmax && is_halving(p)) {
    const PlaneExtents extents{p.in_height, p.in_width, p.out_height, p.out_width, p.pad_height, p.pad_width};
    const auto pool = micro_kernels<T>(context.isa()).max_pool[p.kernel_height - 2];
    for_each_plane(context, p, [&](std::int64_t plane) {
      pool(extents, x + plane * p.in_height * p.in_width, y + plane * p.out_height * p.out_width);
    });
    return;
  }
  for_each_plane(context, p, [&](std::int64_t plane) {
    const T* xp = x + plane * p.in_height * p.in_width;
    for (std::int64_t i = 0; i < p.out_height; ++i) {
      const std::int64_t at = (plane * p.out_height + i) * p.out_width;
      T* best = y + at;
      std::int32_t* where = argmax ? argmax + at : nullptr;
      std::fill_n(best, p.out_width, -std::numeric_limits<T>::infinity());
      if (where) std::fill_n(where, p.out_width, -1);
      with_stride(p.stride_width, [&](auto stride) {
        for_each_tap(p, i, [&](std::int64_t row, std::int64_t offset, Window outputs) {
          const std::int64_t first = row * p.in_width + offset;
          if (!where) {
            for (std::int64_t j = outputs.begin; j < outputs.end; ++j) {
              const T v = xp[first + j * stride];
              best[j] = (v > best[j]) | (v != v) ? v : best[j];
            }
            return;
          }
          for (std::int64_t j = outputs.begin; j < outputs.end; ++j) {
            const T v = xp[first + j * stride];
            const bool better = (v > best[j]) | (v != v) | (where[j] < 0);
            best[j] = better ? v : best[j];
            where[j] = better ? static_cast<std::int32_t>(first + j * stride) : where[j];
          }
        });
      });
    }
  });
}

template <class T>
void max_pool2d_backward(Context& context, const Pool2dParams& p, const std::int32_t* argmax, const T* dy,
                         T* dx) {
  const std::int64_t outputs = p.out_height * p.out_width;
  for_each_plane(context, p, [&](std::int64_t plane) {
    T* dxp = dx + plane * p.in_height * p.in_width;
    std::fill_n(dxp, p.in_height * p.in_width, T{0});
    for (std::int64_t i = plane * outputs; i < (plane + 1) * outputs; ++i)
      if (argmax[i] >= 0) dxp[argmax[i]] += dy[i];
  });
}

template <class T>
void avg_pool2d_forward(Context& context, const Pool2dParams& p, const T* x, T* y) {
  for_each_plane(context, p, [&](std::int64_t plane) {
    const T* xp = x + plane * p.in_height * p.in_width;
    std::vector<T> divisors(static_cast<std::size_t>(p.out_width));
    for (std::int64_t i = 0; i < p.out_height; ++i) {
      T* sum = y + (plane * p.out_height + i) * p.out_width;
      std::fill_n(sum, p.out_width, T{0});
      with_stride(p.stride_width, [&](auto stride) {
        for_each_tap(p, i, [&](std::int64_t row, std::int64_t offset, Window outputs) {
          const std::int64_t first = row * p.in_width + offset;
          for (std::int64_t j = outputs.begin; j < outputs.end; ++j) sum[j] += xp[first + j * stride];
        });
      });
      average_divisors(p, i, divisors);
      for (std::int64_t j = 0; j < p.out_width; ++j) sum[j] /= divisors[static_cast<std::size_t>(j)];
    }
  });
}

template <class T>
void avg_pool2d_backward(Context& context, const Pool2dParams& p, const T* dy, T* dx) {
  for_each_plane(context, p, [&](std::int64_t plane) {
    T* dxp = dx + plane * p.in_height * p.in_width;
    std::fill_n(dxp, p.in_height * p.in_width, T{0});
    std::vector<T> share(static_cast<std::size_t>(p.out_width));
    for (std::int64_t i = 0; i < p.out_height; ++i) {
      average_divisors(p, i, share);
      for (std::int64_t j = 0; j < p.out_width; ++j) {
        T& s = share[static_cast<std::size_t>(j)];
        s = dy[(plane * p.out_height + i) * p.out_width + j] / s;
      }
      with_stride(p.stride_width, [&](auto stride) {
        for_each_tap(p, i, [&](std::int64_t row, std::int64_t offset, Window outputs) {
          const std::int64_t first = row * p.in_width + offset;
          for (std::int64_t j = outputs.begin; j < outputs.end; ++j)
            dxp[first + j * stride] += share[static_cast<std::size_t>(j)];
        });
      });
    }
  });
}

// The windows grow with the input, so sums are taken in double.
template <class T>
void adaptive_avg_pool2d_forward(Context& context, const Pool2dParams& p, const T* x, T* y) {
  for_each_plane(context, p, [&](std::int64_t plane) {
    const T* xp = x + plane * p.in_height * p.in_width;
    T* yp = y + plane * p.out_height * p.out_width;
    for (std::int64_t i = 0; i < p.out_height; ++i) {
      const Window rows = adaptive_window(i, p.in_height, p.out_height);
      for (std::int64_t j = 0; j < p.out_width; ++j) {
        const Window columns = adaptive_window(j, p.in_width, p.out_width);
        double sum = 0;
        for (std::int64_t r = rows.begin; r < rows.end; ++r)
          for (std::int64_t c = columns.begin; c < columns.end; ++c)
            sum += static_cast<double>(xp[r * p.in_width + c]);
        const std::int64_t count = (rows.end - rows.begin) * (columns.end - columns.begin);
        yp[i * p.out_width + j] = static_cast<T>(sum / static_cast<double>(count));
      }
    }
  });
}

template <class T>
void adaptive_avg_pool2d_backward(Context& context, const Pool2dParams& p, const T* dy, T* dx) {
  for_each_plane(context, p, [&](std::int64_t plane) {
    T* dxp = dx + plane * p.in_height * p.in_width;
    std::fill_n(dxp, p.in_height * p.in_width, T{0});
    for (std::int64_t i = 0; i < p.out_height; ++i) {
      const Window rows = adaptive_window(i, p.in_height, p.out_height);
      for (std::int64_t j = 0; j < p.out_width; ++j) {
        const Window columns = adaptive_window(j, p.in_width, p.out_width);
        const std::int64_t count = (rows.end - rows.begin) * (columns.end - columns.begin);
        const T share = dy[(plane * p.out_height + i) * p.out_width + j] / static_cast<T>(count);
        for (std::int64_t r = rows.begin; r < rows.end; ++r)
          for (std::int64_t c = columns.begin; c < columns.end; ++c) dxp[r * p.in_width + c] += share;
      }
    }
  });
}

template void max_pool2d_forward(Context&, const Pool2dParams&, const float*, float*, std::int32_t*);
template void max_pool2d_forward(Context&, const Pool2dParams&, const double*, double*, std::int32_t*);
template void max_pool2d_backward(Context&, const Pool2dParams&, const std::int32_t*, const float*, float*);
template void max_pool2d_backward(Context&, const Pool2dParams&, const std::int32_t*, const double*, double*);
template void avg_pool2d_forward(Context&, const Pool2dParams&, const float*, float*);
template void avg_pool2d_forward(Context&, const Pool2dParams&, const double*, double*);
template void avg_pool2d_backward(Context&, const Pool2dParams&, const float*, float*);
template void avg_pool2d_backward(Context&, const Pool2dParams&, const double*, double*);
template void adaptive_avg_pool2d_forward(Context&, const Pool2dParams&, const float*, float*);
template void adaptive_avg_pool2d_forward(Context&, const Pool2dParams&, const double*, double*);
template void adaptive_avg_pool2d_backward(Context&, const Pool2dParams&, const float*, float*);
template void adaptive_avg_pool2d_backward(Context&, const Pool2dParams&, const double*, double*);

}  // namespace backlight::cpu
