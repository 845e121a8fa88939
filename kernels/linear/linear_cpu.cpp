#include "kernels/linear/linear_cpu.hpp"

#include <algorithm>

#include "engine/runtime/device.hpp"
#include "kernels/grain.hpp"
#include "kernels/matmul/matmul.hpp"

namespace backlight::cpu {
namespace {

/// Weights read by one item of work: enough to stream, few enough to share evenly.
constexpr std::int64_t kItemWeights = 1 << 17;

/// y += Σ_r scale(r) · rows(r) in the order of r; a scale of zero contributes nothing and its row is not
/// read, which spares most of the weights behind a ReLU.
template <class T>
class RowSum {
 public:
  RowSum(const MicroKernels<T>& kernels, std::int64_t count, T* y)
      : kernels_(kernels), count_(count), y_(y) {}
  void add(T scale, const T* row) {
    if (scale == T{0}) return;
    scale_[pending_] = scale;
    rows_[pending_++] = row;
    if (pending_ == MicroKernels<T>::kAxpyRows) flush();
  }
  void flush() {
    kernels_.axpy(pending_, scale_, rows_, count_, y_);
    pending_ = 0;
  }

 private:
  const MicroKernels<T>& kernels_;
  std::int64_t count_;
  T* y_;
  T scale_[MicroKernels<T>::kAxpyRows];
  const T* rows_[MicroKernels<T>::kAxpyRows];
  int pending_ = 0;
};

}  // namespace

template <class T>
void linear_forward_by(Context& context, const MicroKernels<T>& kernels, const LinearParams& a, const T* x,
                       const T* w, const T* bias, T* y) {
  const bool one = a.batch == 1 || kernels.dot_images == 1;
  const std::int64_t most_rows = one ? kernels.dot_rows : kernels.dot_rows / 2;
  const std::int64_t grain = std::max<std::int64_t>(kItemWeights / a.in / most_rows, 1) * most_rows;
  context.parallel_ranges(a.out, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t o = begin; o < end; o += most_rows) {
      const std::int64_t rows = std::min(most_rows, end - o);
      for (std::int64_t n = 0; n < a.batch; n += kernels.dot_images) {
        const std::int64_t images = std::min<std::int64_t>(kernels.dot_images, a.batch - n);
        kernels.dot[rows - 1][images - 1](a.in, w + o * a.in, x + n * a.in, bias ? bias + o : nullptr,
                                          y + n * a.out + o, a.out);
      }
    }
  });
}

template <class T>
void linear_backward_data_by(Context& context, const MicroKernels<T>& kernels, const LinearParams& a,
                             const T* dy, const T* w, T* dx) {
  constexpr std::int64_t kColumns = 2048, kRows = 32;  // 256 KB of weights, read from cache for every image
  context.parallel_ranges(a.in, kColumns, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t n = 0; n < a.batch; ++n) std::fill(dx + n * a.in + begin, dx + n * a.in + end, T{0});
    for (std::int64_t o = 0; o < a.out; o += kRows)
      for (std::int64_t n = 0; n < a.batch; ++n) {
        RowSum<T> sum(kernels, end - begin, dx + n * a.in + begin);
        for (std::int64_t row = o; row < std::min(o + kRows, a.out); ++row)
          sum.add(dy[n * a.out + row], w + row * a.in + begin);
        sum.flush();
      }
  });
}

template <class T>
void linear_backward_filter_by(Context& context, const MicroKernels<T>& kernels, const LinearParams& a,
                               const T* x, const T* dy, T* dw) {
  context.parallel_for(a.out, [&](std::int64_t o, int) {
    RowSum<T> sum(kernels, a.in, dw + o * a.in);
    for (std::int64_t n = 0; n < a.batch; ++n) sum.add(dy[n * a.out + o], x + n * a.in);
    sum.flush();
  });
}

template <class T>
void linear_forward(Context& context, const LinearParams& a, const T* x, const T* w, const T* bias, T* y) {
  if (a.words) {
    matmul(context, {.m = a.batch, .n = a.out, .k = a.in, .transpose_b = true}, x, w, y);
    if (!bias) return;
    context.parallel_ranges(a.batch, std::max<std::int64_t>(1, kGrain / a.out),
                            [=](std::int64_t n, std::int64_t end) {
                              for (; n < end; ++n)
                                for (std::int64_t o = 0; o < a.out; ++o) y[n * a.out + o] += bias[o];
                            });
    return;
  }
  linear_forward_by(context, micro_kernels<T>(context.isa()), a, x, w, bias, y);
}
template <class T>
void linear_backward_data(Context& context, const LinearParams& a, const T* dy, const T* w, T* dx) {
  if (a.words) return matmul(context, {.m = a.batch, .n = a.in, .k = a.out}, dy, w, dx);
  linear_backward_data_by(context, micro_kernels<T>(context.isa()), a, dy, w, dx);
}
template <class T>
void linear_backward_filter(Context& context, const LinearParams& a, const T* x, const T* dy, T* dw) {
  if (a.words)
    return matmul(context, {.m = a.out, .n = a.in, .k = a.batch, .transpose_a = true, .accumulate = true}, dy,
                  x, dw);
  linear_backward_filter_by(context, micro_kernels<T>(context.isa()), a, x, dy, dw);
}

template <class T>
void linear_backward_bias(Context&, const LinearParams& a, const T* dy, T* db) {
  for (std::int64_t n = 0; n < a.batch; ++n)
    for (std::int64_t o = 0; o < a.out; ++o) db[o] += dy[n * a.out + o];
}

#define BACKLIGHT_INSTANTIATE(T)                                                                             \
  template void linear_forward(Context&, const LinearParams&, const T*, const T*, const T*, T*);             \
  template void linear_backward_data(Context&, const LinearParams&, const T*, const T*, T*);                 \
  template void linear_backward_filter(Context&, const LinearParams&, const T*, const T*, T*);               \
  template void linear_backward_bias(Context&, const LinearParams&, const T*, T*);                           \
  template void linear_forward_by(Context&, const MicroKernels<T>&, const LinearParams&, const T*, const T*, \
                                  const T*, T*);                                                             \
  template void linear_backward_data_by(Context&, const MicroKernels<T>&, const LinearParams&, const T*,     \
                                        const T*, T*);                                                       \
  template void linear_backward_filter_by(Context&, const MicroKernels<T>&, const LinearParams&, const T*,   \
                                          const T*, T*);
BACKLIGHT_INSTANTIATE(float)
BACKLIGHT_INSTANTIATE(double)
#undef BACKLIGHT_INSTANTIATE

}  // namespace backlight::cpu
