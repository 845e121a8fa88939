// Predicted limit: memory; softmax_forward_cost and softmax_backward_cost over the card's bandwidth is the
// least time. Forward walks a distribution three times; the second and third walk find it in the cache.
#include "engine/runtime/cuda/enqueue.hpp"
#include "kernels/reduce.cuh"
#include "kernels/softmax/softmax.hpp"

namespace backlight::cuda {
namespace {

struct Softmax {
  template <class Row>
  __device__ static void forward(const Row& row, std::int64_t classes, std::int64_t stride, const float* x,
                                 float* y) {
    const float m = row_max(row, classes, [=](std::int64_t k) { return x[k * stride]; });
    const float sum = row_sum<float>(row, classes, [=](std::int64_t k) { return expf(x[k * stride] - m); });
    row.each(classes, [=](std::int64_t k) { y[k * stride] = expf(x[k * stride] - m) / sum; });
  }

  template <class Row>
  __device__ static void backward(const Row& row, std::int64_t classes, std::int64_t stride, const float* y,
                                  const float* dy, float* dx) {
    const float dot =
        row_sum<float>(row, classes, [=](std::int64_t k) { return dy[k * stride] * y[k * stride]; });
    row.each(classes, [=](std::int64_t k) { dx[k * stride] = y[k * stride] * (dy[k * stride] - dot); });
  }
};

struct LogSoftmax {
  template <class Row>
  __device__ static void forward(const Row& row, std::int64_t classes, std::int64_t stride, const float* x,
                                 float* y) {
    const float m = row_max(row, classes, [=](std::int64_t k) { return x[k * stride]; });
    const float log_sum =
        logf(row_sum<float>(row, classes, [=](std::int64_t k) { return expf(x[k * stride] - m); }));
    row.each(classes, [=](std::int64_t k) { y[k * stride] = x[k * stride] - m - log_sum; });
  }

  template <class Row>
  __device__ static void backward(const Row& row, std::int64_t classes, std::int64_t stride, const float* y,
                                  const float* dy, float* dx) {
    const float sum = row_sum<float>(row, classes, [=](std::int64_t k) { return dy[k * stride]; });
    row.each(classes, [=](std::int64_t k) { dx[k * stride] = dy[k * stride] - expf(y[k * stride]) * sum; });
  }
};

template <class Op, class Row>
__device__ void apply(const Row& row, const SoftmaxParams& p, std::int64_t offset, const float* x, float* y) {
  Op::forward(row, p.classes, p.inner, x + offset, y + offset);
}
struct MaskedSoftmax {
  template <class Row>
  __device__ static void forward(const Row& row, std::int64_t classes, std::int64_t stride,
                                 const std::int32_t* mask, const float* x, float* y) {
    const float m =
        row_max(row, classes, [=](std::int64_t k) { return mask[k] != 0 ? x[k * stride] : -INFINITY; });
    const float sum = row_sum<float>(
        row, classes, [=](std::int64_t k) { return mask[k] != 0 ? expf(x[k * stride] - m) : 0.0f; });
    row.each(classes, [=](std::int64_t k) {
      y[k * stride] = mask[k] != 0 ? expf(x[k * stride] - m) / sum : 0.0f;
    });
  }
};

template <class Op, class Row>
__device__ void apply(const Row& row, const SoftmaxParams& p, std::int64_t offset, const std::int32_t* tokens,
                      const float* x, float* y) {
  const std::int32_t* mask = tokens + offset / (p.classes * p.inner) * p.classes;
  Op::forward(row, p.classes, p.inner, mask, x + offset, y + offset);
}
template <class Op, class Row>
__device__ void apply(const Row& row, const SoftmaxParams& p, std::int64_t offset, const float* y,
                      const float* dy, float* dx) {
  Op::backward(row, p.classes, p.inner, y + offset, dy + offset, dx + offset);
}

/// Scores: a distribution's elements are neighbours, and a block shares them.
template <class Op, class... P>
__global__ void __launch_bounds__(kRowThreads) rows_kernel(SoftmaxParams p, P*... arrays) {
  apply<Op>(BlockRow{}, p, std::int64_t{blockIdx.x} * p.classes, arrays...);
}

/// Maps: neighbouring threads take neighbouring positions and walk the classes.
template <class Op, class... P>
__global__ void __launch_bounds__(kRowThreads) positions_kernel(SoftmaxParams p, P*... arrays) {
  const std::int64_t i = std::int64_t{blockIdx.x} * kRowThreads + threadIdx.x;
  if (i >= p.outer * p.inner) return;
  apply<Op>(ThreadRow{}, p, i / p.inner * p.classes * p.inner + i % p.inner, arrays...);
}

template <class Op, class... P>
void run(Context& context, const SoftmaxParams& p, P*... arrays) {
  if (p.outer * p.classes * p.inner == 0) return;
  if (p.inner == 1)
    CUDA_CHECK(launch(rows_kernel<Op, P...>, blocks_for(p.outer, 1, "softmax"), BlockRow::threads(p.classes),
                      0, stream_of(context), p, arrays...));
  else
    CUDA_CHECK(launch(positions_kernel<Op, P...>, blocks_for(p.outer * p.inner, kRowThreads, "softmax"),
                      kRowThreads, 0, stream_of(context), p, arrays...));
}

}  // namespace

void softmax_forward(Context& context, const SoftmaxParams& p, const float* x, float* y) {
  run<Softmax>(context, p, x, y);
}
void softmax_backward(Context& context, const SoftmaxParams& p, const float* y, const float* dy, float* dx) {
  run<Softmax>(context, p, y, dy, dx);
}
void masked_softmax_forward(Context& context, const SoftmaxParams& p, const std::int32_t* tokens, const float* x,
                            float* y) {
  run<MaskedSoftmax>(context, p, tokens, x, y);
}
void log_softmax_forward(Context& context, const SoftmaxParams& p, const float* x, float* y) {
  run<LogSoftmax>(context, p, x, y);
}
void log_softmax_backward(Context& context, const SoftmaxParams& p, const float* y, const float* dy,
                          float* dx) {
  run<LogSoftmax>(context, p, y, dy, dx);
}

}  // namespace backlight::cuda
