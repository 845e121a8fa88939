// Predicted limit: memory; multiply_forward_cost and multiply_backward_cost over the card's bandwidth is the least
// time. A repeated factor is read from the cache after its first time.
#include "kernels/elementwise.cuh"
#include "kernels/multiply/multiply.hpp"
#include "kernels/reduce.cuh"

namespace backlight::cuda {
namespace {

/// MultiplyParams in 32 bits.
struct Loops {
  struct Place {
    unsigned y, a, b;
  };
  int rank;
  unsigned count, extent[Shape::kMaxRank];
  Place step[Shape::kMaxRank];

  explicit Loops(const MultiplyParams& params)
      : rank(params.rank), count(index32(params.count(), "multiply")) {
    for (int i = 0; i < rank; ++i) {
      const MultiplyParams::Axis& axis = params.axes[static_cast<std::size_t>(i)];
      const auto narrow = [](std::int64_t number) { return index32(number, "multiply"); };
      extent[i] = narrow(axis.extent);
      step[i] = {narrow(axis.y), narrow(axis.a), narrow(axis.b)};
    }
  }

  __device__ Place at(unsigned index) const {
    Place place{0, 0, 0};
#pragma unroll
    for (int i = Shape::kMaxRank - 1; i >= 0;
         --i) {  // a fixed number, so that nothing is copied to local memory
      if (i >= rank) continue;
      const unsigned rest = index / extent[i], k = index - rest * extent[i];
      place.y += k * step[i].y;
      place.a += k * step[i].a;
      place.b += k * step[i].b;
      index = rest;
    }
    return place;
  }
};

struct Times {
  __device__ float operator()(float a, float b) const { return a * b; }
};

__global__ void __launch_bounds__(kRowThreads)
    forward_kernel(Loops loops, const float* __restrict__ a, const float* __restrict__ b,
                   float* __restrict__ y) {
  const unsigned i = blockIdx.x * kRowThreads + threadIdx.x;
  if (i >= loops.count) return;
  const Loops::Place from = loops.at(i);
  y[i] = __ldg(a + from.a) * __ldg(b + from.b);
}

template <class Row>
__device__ void sum_terms(const Row& row, unsigned j, const Loops& of_a, const Loops& repeating,
                          const float* b, const float* dy, float* da) {
  const Loops::Place at = of_a.at(j);
  const float sum = row_sum<float>(row, repeating.count, [&](std::int64_t i) {
    const Loops::Place from = repeating.at(static_cast<unsigned>(i));
    return __ldg(dy + at.y + from.y) * __ldg(b + at.b + from.b);
  });
  row.each(1, [&](std::int64_t) { da[j] = sum; });
}

/// An element's terms are neighbours, and a block shares them.
__global__ void __launch_bounds__(kRowThreads)
    rows_kernel(Loops of_a, Loops repeating, const float* __restrict__ b, const float* __restrict__ dy,
                float* __restrict__ da) {
  sum_terms(BlockRow{}, blockIdx.x, of_a, repeating, b, dy, da);
}

/// Neighbouring threads take neighbouring elements and walk their terms.
__global__ void __launch_bounds__(kRowThreads)
    columns_kernel(Loops of_a, Loops repeating, const float* __restrict__ b, const float* __restrict__ dy,
                   float* __restrict__ da) {
  const unsigned j = blockIdx.x * kRowThreads + threadIdx.x;
  if (j < of_a.count) sum_terms(ThreadRow{}, j, of_a, repeating, b, dy, da);
}

}  // namespace

void multiply_forward(Context& context, const MultiplyParams& params, const float* a, const float* b,
                      float* y) {
  if (params.of_a().rank == params.rank && params.of_b().rank == params.rank)
    return elementwise(context, params.count(), Times{}, y, a, b);
  const Loops loops(params);
  if (loops.count == 0) return;
  CUDA_CHECK(launch(forward_kernel, blocks_for(loops.count, kRowThreads, "multiply"), kRowThreads, 0,
                    stream_of(context), loops, a, b, y));
}

void multiply_backward(Context& context, const MultiplyParams& params, const float* b, const float* dy,
                       float* da) {
  const MultiplyParams repeated = params.repeating_a();
  if (repeated.rank == 0) return multiply_forward(context, params, dy, b, da);
  const Loops of_a(params.of_a()), repeating(repeated);
  if (of_a.count == 0) return;
  const bool neighbours = repeating.step[repeating.rank - 1].y == 1;
  CUDA_CHECK(launch(neighbours ? rows_kernel : columns_kernel,
                    blocks_for(of_a.count, neighbours ? 1 : kRowThreads, "multiply"),
                    neighbours ? BlockRow::threads(repeating.count) : kRowThreads, 0, stream_of(context),
                    of_a, repeating, b, dy, da));
}

}  // namespace backlight::cuda
