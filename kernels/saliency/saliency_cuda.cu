// Two passes over the gradient: what the whole image says, then the pixels. Moments are summed in double and
// about the image's first value, so that one pass gives both and a constant gradient has none.
#include <algorithm>

#include "engine/runtime/cuda/enqueue.hpp"
#include "engine/runtime/device.hpp"
#include "kernels/extrema.cuh"
#include "kernels/reduce.cuh"
#include "kernels/saliency/saliency.hpp"
#include "kernels/upsample/tile.cuh"

namespace backlight::cuda {
namespace {

constexpr int kThreads = kRowThreads;
constexpr int kMostParts = 64;

/// Σ(g − g₀) and Σ(g − g₀)² over a part of an image.
struct Moments {
  double sum, squares;
};

/// A block per part of an image, parts interleaved; which values a part has follows from their number alone.
template <SaliencyFormula kFormula>
__global__ void __launch_bounds__(kThreads)
    statistics_kernel(const float* __restrict__ gradient, std::int64_t values, int parts, Moments* moments,
                      Extrema* extrema) {
  const std::int64_t n = blockIdx.x / parts, part = blockIdx.x % parts;
  const float* g = gradient + n * values;
  const double origin = static_cast<double>(__ldg(g));
  Extrema found{};
  Moments mine{0, 0};
#pragma unroll 4
  for (std::int64_t i = part * kThreads + threadIdx.x; i < values; i += std::int64_t{parts} * kThreads) {
    const float v = __ldg(g + i);
    found = merged(found, Extrema::of(v));
    if constexpr (kFormula == SaliencyFormula::deprocess) {
      const double d = static_cast<double>(v) - origin;
      mine.sum += d;
      mine.squares += d * d;
    }
  }
  add_of_warp(extrema + n, found);
  if constexpr (kFormula == SaliencyFormula::deprocess) {
    const BlockRow row;
    mine = {row.reduce(mine.sum, Plus{}), row.reduce(mine.squares, Plus{})};
    if (threadIdx.x == 0) moments[blockIdx.x] = mine;
  }
}

struct Deprocess {
  float shift, spread;

  /// All threads of the block must construct it together.
  __device__ Deprocess(const float* g, std::int64_t values, const Moments* parts, int count) {
    const BlockRow row;
    const bool has_part = static_cast<int>(threadIdx.x) < count;
    const Moments mine = has_part ? parts[threadIdx.x] : Moments{0, 0};
    const double shifted_mean = row.reduce(mine.sum, Plus{}) / static_cast<double>(values);
    const double square = row.reduce(mine.squares, Plus{}) / static_cast<double>(values);
    shift = static_cast<float>(static_cast<double>(__ldg(g)) + shifted_mean);
    spread = static_cast<float>(sqrt(fmax(square - shifted_mean * shifted_mean, 0.0))) + 1e-5f;
  }
  __device__ unsigned char operator()(float v) const {
    const float shown = (v - shift) / spread * 0.1f + 0.5f;
    return static_cast<unsigned char>(fminf(fmaxf(shown, 0.0f), 1.0f) * 255);
  }
};

struct MinMax {
  double minimum, range;

  __device__ explicit MinMax(const Extrema& extrema)
      : minimum(static_cast<double>(extrema.low())), range(static_cast<double>(extrema.high()) - minimum) {}
  __device__ unsigned char operator()(float v) const {
    const double shown = range > 0 ? (static_cast<double>(v) - minimum) / range : 0.5;
    return static_cast<unsigned char>(round(fmin(fmax(shown, 0.0), 1.0) * 255));
  }
};

template <class Show>
__device__ void show(const Show& to_byte, const float* g, std::int64_t pixels, std::int64_t first, bool bgr,
                     bool wide, std::uint8_t* picture) {
  const int count = static_cast<int>(min(pixels - first, std::int64_t{kPixels}));
  if (count <= 0) return;
  float plane[3][kPixels] = {};
#pragma unroll
  for (int c = 0; c < 3; ++c) {
    const float* from = g + (bgr ? 2 - c : c) * pixels + first;
    if (wide) {
      const float4 four = __ldg(reinterpret_cast<const float4*>(from));
      plane[c][0] = four.x;
      plane[c][1] = four.y;
      plane[c][2] = four.z;
      plane[c][3] = four.w;
    } else {
#pragma unroll
      for (int p = 0; p < kPixels; ++p)
        if (p < count) plane[c][p] = __ldg(from + p);
    }
  }
  Bytes bytes;
#pragma unroll
  for (int p = 0; p < kPixels; ++p)
    for (int c = 0; c < 3; ++c) bytes[3 * p + c] = to_byte(plane[c][p]);
  store_pixels(picture + 3 * first, bytes, count, wide);
}

template <SaliencyFormula kFormula>
__global__ void __launch_bounds__(kThreads)
    picture_kernel(const float* __restrict__ gradient, std::int64_t pixels, int parts,
                   const Moments* __restrict__ moments, const Extrema* __restrict__ extrema, unsigned blocks,
                   bool bgr, bool wide, std::uint8_t* __restrict__ pictures) {
  const std::int64_t n = blockIdx.x / blocks;
  const std::int64_t first = (std::int64_t{blockIdx.x % blocks} * kThreads + threadIdx.x) * kPixels;
  const float* g = gradient + n * 3 * pixels;
  std::uint8_t* picture = pictures + n * 3 * pixels;
  if constexpr (kFormula == SaliencyFormula::deprocess)
    show(Deprocess(g, 3 * pixels, moments + n * parts, parts), g, pixels, first, bgr, wide, picture);
  else
    show(MinMax(extrema[n]), g, pixels, first, bgr, wide, picture);
}

template <SaliencyFormula kFormula>
void run(Context& context, const SaliencyParams& p, const float* gradient, Extrema* extrema,
         std::uint8_t* pictures) {
  const std::int64_t values = 3 * p.pixels;
  const int parts =
      static_cast<int>(std::min<std::int64_t>((values + 8 * kThreads - 1) / (8 * kThreads), kMostParts));
  const unsigned blocks = blocks_for(p.pixels, kThreads * kPixels, "saliency");
  const cudaStream_t stream = stream_of(context);
  const bool wide = p.pixels % kPixels == 0 &&
                    reinterpret_cast<std::uintptr_t>(gradient) % sizeof(float4) == 0 &&
                    reinterpret_cast<std::uintptr_t>(pictures) % sizeof(uchar4) == 0;
  Tensor partial = context.records<Moments>(p.batch * parts);
  Moments* const moments = partial.records<Moments>().data();
  enqueue_clear(context, extrema, static_cast<std::size_t>(p.batch) * sizeof(Extrema));
  CUDA_CHECK(launch(statistics_kernel<kFormula>, blocks_for(p.batch * parts, 1, "saliency"), kThreads, 0,
                    stream, gradient, values, parts, moments, extrema));
  CUDA_CHECK(launch(picture_kernel<kFormula>, blocks_for(p.batch * blocks, 1, "saliency"), kThreads, 0,
                    stream, gradient, p.pixels, parts, moments, extrema, blocks, p.bgr, wide, pictures));
}

}  // namespace

void saliency(Context& context, const SaliencyParams& params, const float* gradient, Extrema* extrema,
              std::uint8_t* pictures) {
  if (params.batch == 0 || params.pixels == 0) return;
  if (params.formula == SaliencyFormula::deprocess)
    run<SaliencyFormula::deprocess>(context, params, gradient, extrema, pictures);
  else
    run<SaliencyFormula::min_max>(context, params, gradient, extrema, pictures);
}

}  // namespace backlight::cuda
