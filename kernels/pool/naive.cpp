#include "kernels/pool/naive.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace backlight {
namespace {

double& at(Tensor& t, std::int64_t n, std::int64_t c, std::int64_t i, std::int64_t j) {
  const Shape& s = t.shape();
  return t.data<double>()[((n * s[1] + c) * s[2] + i) * s[3] + j];
}
double at(const Tensor& t, std::int64_t n, std::int64_t c, std::int64_t i, std::int64_t j) {
  const Shape& s = t.shape();
  return t.data<double>()[((n * s[1] + c) * s[2] + i) * s[3] + j];
}

/// Windows along one axis, counted by laying them: without ceil_mode as many as end inside the padded input,
/// with it until one reaches the padded end, but none that starts in the trailing padding.
std::int64_t windows(std::int64_t size, std::int64_t kernel, std::int64_t stride, std::int64_t padding,
                     std::int64_t dilation, bool ceil_mode) {
  const std::int64_t span = dilation * (kernel - 1) + 1;
  std::int64_t count = 0;
  for (std::int64_t start = -padding;; start += stride) {
    const bool fits = start + span <= size + padding;
    const bool needed = ceil_mode && start - stride + span < size + padding && start < size;
    if (!fits && !needed) return count;
    ++count;
  }
}

struct Setup {
  Extent2d stride, output;
};

Setup setup(const Pool2dOptions& o, const Shape& x) {
  const Extent2d stride = o.stride == Extent2d(0) ? o.kernel : o.stride;
  return {stride,
          {windows(x[2], o.kernel.h, stride.h, o.padding.h, o.dilation.h, o.ceil_mode),
           windows(x[3], o.kernel.w, stride.w, o.padding.w, o.dilation.w, o.ceil_mode)}};
}

LayerResult result_for(const Shape& x, Extent2d output) {
  LayerResult result;
  result.y = Tensor::zeros({x[0], x[1], output.h, output.w}, DType::f64);
  result.dx.push_back(Tensor::zeros(x, DType::f64));
  return result;
}

/// Calls fn(n, c, i, j) for every element of a tensor of this shape.
template <class Fn>
void for_each(const Shape& shape, const Fn& fn) {
  for (std::int64_t n = 0; n < shape[0]; ++n)
    for (std::int64_t c = 0; c < shape[1]; ++c)
      for (std::int64_t i = 0; i < shape[2]; ++i)
        for (std::int64_t j = 0; j < shape[3]; ++j) fn(n, c, i, j);
}

}  // namespace

LayerResult naive_max_pool2d(const Pool2dOptions& o, const LayerInputs& in) {
  const Tensor& x = in.x[0];
  const Setup s = setup(o, x.shape());
  LayerResult result = result_for(x.shape(), s.output);
  for_each(result.y.shape(), [&](auto n, auto c, auto i, auto j) {
    double best = -std::numeric_limits<double>::infinity();
    std::int64_t best_row = -1, best_column = -1;
    for (std::int64_t p = 0; p < o.kernel.h; ++p) {
      for (std::int64_t q = 0; q < o.kernel.w; ++q) {
        const std::int64_t row = i * s.stride.h - o.padding.h + p * o.dilation.h;
        const std::int64_t column = j * s.stride.w - o.padding.w + q * o.dilation.w;
        if (row < 0 || row >= x.shape()[2] || column < 0 || column >= x.shape()[3]) continue;
        const double v = at(x, n, c, row, column);
        if (v > best || std::isnan(v)) {
          best = v;
          best_row = row;
          best_column = column;
        }
      }
    }
    at(result.y, n, c, i, j) = best;
    at(result.dx[0], n, c, best_row, best_column) += at(in.dy, n, c, i, j);
  });
  return result;
}

LayerResult naive_avg_pool2d(const Pool2dOptions& o, const LayerInputs& in) {
  const Tensor& x = in.x[0];
  const Setup s = setup(o, x.shape());
  LayerResult result = result_for(x.shape(), s.output);
  const std::int64_t h = x.shape()[2], w = x.shape()[3];
  for_each(result.y.shape(), [&](auto n, auto c, auto i, auto j) {
    double sum = 0, inside = 0, padded = 0;
    const auto visit = [&](auto fn) {
      for (std::int64_t p = 0; p < o.kernel.h; ++p)
        for (std::int64_t q = 0; q < o.kernel.w; ++q)
          fn(i * s.stride.h - o.padding.h + p, j * s.stride.w - o.padding.w + q);
    };
    const auto is_inside = [&](auto row, auto column) {
      return row >= 0 && row < h && column >= 0 && column < w;
    };
    visit([&](auto row, auto column) {
      if (row < h + o.padding.h && column < w + o.padding.w) ++padded;
      if (!is_inside(row, column)) return;
      ++inside;
      sum += at(x, n, c, row, column);
    });
    const double divisor = o.count_include_pad ? padded : inside;
    at(result.y, n, c, i, j) = sum / divisor;
    visit([&](auto row, auto column) {
      if (is_inside(row, column)) at(result.dx[0], n, c, row, column) += at(in.dy, n, c, i, j) / divisor;
    });
  });
  return result;
}

LayerResult naive_adaptive_avg_pool2d(Extent2d output, const LayerInputs& in) {
  const Tensor& x = in.x[0];
  LayerResult result = result_for(x.shape(), output);
  // Pixel r belongs to window i when the two overlap, both stretched over the unit interval.
  const auto overlaps = [](std::int64_t r, std::int64_t size, std::int64_t i, std::int64_t windows) {
    return r * windows < (i + 1) * size && (r + 1) * windows > i * size;
  };
  for_each(result.y.shape(), [&](auto n, auto c, auto i, auto j) {
    double sum = 0, count = 0;
    const auto visit = [&](auto fn) {
      for (std::int64_t row = 0; row < x.shape()[2]; ++row)
        for (std::int64_t column = 0; column < x.shape()[3]; ++column)
          if (overlaps(row, x.shape()[2], i, output.h) && overlaps(column, x.shape()[3], j, output.w))
            fn(row, column);
    };
    visit([&](auto row, auto column) {
      sum += at(x, n, c, row, column);
      ++count;
    });
    at(result.y, n, c, i, j) = sum / count;
    visit(
        [&](auto row, auto column) { at(result.dx[0], n, c, row, column) += at(in.dy, n, c, i, j) / count; });
  });
  return result;
}

}  // namespace backlight
