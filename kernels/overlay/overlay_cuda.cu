// The picture and the gradient are read once and everything asked for is written once, in overlay_kernel.
// What that needs to know beforehand (the extrema of the enlarged map, the overlay's largest sample) is found
// by passes that compute the pixels and store none: the coarse map and the picture stay in the second-level
// cache.
#include "engine/runtime/cuda/enqueue.hpp"
#include "engine/runtime/device.hpp"
#include "kernels/extrema.cuh"
#include "kernels/overlay/overlay.hpp"
#include "kernels/upsample/tile.cuh"

namespace backlight::cuda {
namespace {

constexpr int kBlocksPerProcessor = 4;  // leaves 64 registers a thread, enough for exact divisions

__device__ float positive(float v) { return v < 0.0f ? 0.0f : v; }

/// (v − low) / (ε + high − low), 0 where all is one value.
struct Rescale {
  float low, denominator;
  bool flat;

  __device__ Rescale(float least, float greatest, float epsilon)
      : low(least), denominator(epsilon + (greatest - least)), flat(!(greatest > least)) {}
  __device__ float operator()(float v) const { return flat ? 0.0f : (v - low) / denominator; }
};

constexpr float epsilon_of(OverlayFormula formula) {
  return formula == OverlayFormula::pytorch_grad_cam ? 1e-7f : 0.0f;
}

/// One image's coarse map as it is enlarged, and what its extrema say.
template <OverlayFormula kFormula>
struct CoarseMap {
  const float* map;
  Rescale rescale;
  bool evidence;

  __device__ CoarseMap(const TileGrid& grid, const float* maps, const Extrema* extrema, std::int64_t n)
      : map(maps + n * grid.rows.in * grid.columns.in),
        rescale(positive(extrema[n].low()), positive(extrema[n].high()), epsilon_of(kFormula)),
        evidence(extrema[n].high() > 0.0f) {}

  __device__ float operator()(std::int64_t i) const {
    const float v = positive(__ldg(map + i));
    return kFormula == OverlayFormula::pytorch_grad_cam ? rescale(v) : v;
  }
};

/// The rescaling of the enlarged map.
template <OverlayFormula kFormula>
__device__ Rescale shown_rescale(const CoarseMap<kFormula>& coarse, const Extrema* shown, std::int64_t n) {
  // A map of one value is shown as zero, whatever rounding makes of it between its values.
  return coarse.rescale.flat ? Rescale(0, 0, 0)
                             : Rescale(shown[n].low(), shown[n].high(), epsilon_of(kFormula));
}

__device__ float within_one(float value) { return value > 0 ? fminf(value, 1.0f) : 0.0f; }

template <OverlayFormula kFormula>
__device__ Rgb heat_of(float value) {
  if constexpr (kFormula == OverlayFormula::pytorch_grad_cam)
    return opencv_jet(static_cast<int>(within_one(value) * 255));
  return paper_jet(within_one(value));
}

/// Equal shares of heat and picture, as pytorch-grad-cam mixes them.
__device__ float mixed(int heat, int picture) {
  return 0.5f * (static_cast<float>(heat) / 255) + 0.5f * (static_cast<float>(picture) / 255);
}

/// The extrema of the enlarged maps, added to `shown`.
template <OverlayFormula kFormula>
__global__ void __launch_bounds__(kTileThreads, kBlocksPerProcessor)
    shown_extrema_kernel(TileGrid grid, const float* __restrict__ map, const Extrema* __restrict__ extrema,
                         Extrema* shown) {
  SHARED(Tap, taps, [2 * kTile]);
  fill_taps(grid, taps);
  const Place place = place_of_thread(grid);
  float value[kPixels] = {};
  sample(grid, taps, place, CoarseMap<kFormula>(grid, map, extrema, place.n), value);
  Extrema found{};
#pragma unroll
  for (int p = 0; p < kPixels; ++p)
    if (p < place.count) found = merged(found, Extrema::of(value[p]));
  add_of_warp(shown + place.n, found);
}

/// The overlays' largest samples, added to `largest`.
__global__ void __launch_bounds__(kTileThreads, kBlocksPerProcessor)
    largest_sample_kernel(TileGrid grid, const float* __restrict__ map, const Extrema* __restrict__ extrema,
                          const Extrema* __restrict__ shown, const std::uint8_t* __restrict__ picture,
                          Extrema* largest, bool wide) {
  constexpr OverlayFormula kFormula = OverlayFormula::pytorch_grad_cam;
  SHARED(Tap, taps, [2 * kTile]);
  fill_taps(grid, taps);
  const Place place = place_of_thread(grid);
  const CoarseMap<kFormula> coarse(grid, map, extrema, place.n);
  const Rescale rescale = shown_rescale(coarse, shown, place.n);
  float value[kPixels] = {};
  sample(grid, taps, place, coarse, value);
  Extrema found{};
  if (place.count > 0) {
    Bytes pixels;
    load_pixels(picture + 3 * place.index(grid), pixels, place.count, wide);
#pragma unroll
    for (int p = 0; p < kPixels; ++p) {
      if (p >= place.count) break;
      const Rgb heat = heat_of<kFormula>(rescale(value[p]));
      for (int c = 0; c < 3; ++c) found = merged(found, Extrema::of(mixed(heat[c], pixels[3 * p + c])));
    }
  }
  add_of_warp(largest + place.n, found);
}

template <OverlayFormula kFormula>
__device__ unsigned char blended(int heat, int picture, float largest) {
  if constexpr (kFormula == OverlayFormula::pytorch_grad_cam)
    return static_cast<unsigned char>(255 * (mixed(heat, picture) / largest));
  return static_cast<unsigned char>((heat + picture + 1) / 2);
}

template <OverlayFormula kFormula>
__global__ void __launch_bounds__(kTileThreads, kBlocksPerProcessor)
    overlay_kernel(TileGrid grid, const float* __restrict__ map, const Extrema* __restrict__ extrema,
                   const Extrema* __restrict__ shown, const Extrema* __restrict__ largest,
                   const std::uint8_t* __restrict__ picture, const float* gradient, std::int64_t channels,
                   float* __restrict__ shown_map, std::uint8_t* __restrict__ overlay, float* product,
                   bool wide) {
  SHARED(Tap, taps, [2 * kTile]);
  fill_taps(grid, taps);
  const Place place = place_of_thread(grid);
  if (place.count == 0) return;
  const CoarseMap<kFormula> coarse(grid, map, extrema, place.n);
  float enlarged[kPixels] = {}, value[kPixels];
  sample(grid, taps, place, coarse, enlarged);
  const Rescale rescale = shown_rescale(coarse, shown, place.n);
#pragma unroll
  for (int p = 0; p < kPixels; ++p) value[p] = rescale(enlarged[p]);
  const std::int64_t index = place.index(grid);

  if (shown_map) store(shown_map + index, value, place.count, wide);
  if (overlay) {
    Bytes pixels;
    load_pixels(picture + 3 * index, pixels, place.count, wide);
    const float divisor = largest[place.n].high();
#pragma unroll
    for (int p = 0; p < kPixels; ++p) {
      if (!coarse.evidence || p >= place.count) break;
      const Rgb heat = heat_of<kFormula>(value[p]);
      for (int c = 0; c < 3; ++c) pixels[3 * p + c] = blended<kFormula>(heat[c], pixels[3 * p + c], divisor);
    }
    store_pixels(overlay + 3 * index, pixels, place.count, wide);
  }
  if (!product) return;
  const float(&factor)[kPixels] = kFormula == OverlayFormula::pytorch_grad_cam ? value : enlarged;
  const std::int64_t plane = std::int64_t{grid.rows.out} * grid.columns.out;
  const std::int64_t first = (place.n * channels * grid.rows.out + place.y) * grid.columns.out + place.x;
#pragma unroll 3
  for (std::int64_t c = 0; c < channels; ++c) {
    const float* from = gradient + first + c * plane;
    float values[kPixels] = {};
    if (wide) {
      const float4 g = *reinterpret_cast<const float4*>(from);
      values[0] = g.x * factor[0];
      values[1] = g.y * factor[1];
      values[2] = g.z * factor[2];
      values[3] = g.w * factor[3];
    } else {
#pragma unroll
      for (int p = 0; p < kPixels; ++p)
        if (p < place.count) values[p] = from[p] * factor[p];
    }
    store(product + first + c * plane, values, place.count, wide);
  }
}

template <OverlayFormula kFormula>
void run(Context& context, const OverlayParams& params, const OverlayInput& in, const OverlayOutput& out) {
  constexpr bool kDivides = kFormula == OverlayFormula::pytorch_grad_cam;
  const TileGrid grid =
      tile_grid({params.batch, params.map_height, params.map_width, params.height, params.width,
                 kDivides ? Upsampling::bilinear : Upsampling::bilinear_align_corners});
  const unsigned blocks = grid.blocks(params.batch);
  const cudaStream_t stream = stream_of(context);
  const bool wide = wide_rows(grid, in.picture, in.gradient, out.shown, out.overlay, out.product);
  Tensor found = context.records<Extrema>(2 * params.batch);
  Extrema *shown = found.records<Extrema>().data(), *largest = shown + params.batch;
  enqueue_clear(context, shown, found.bytes());
  CUDA_CHECK(
      launch(shown_extrema_kernel<kFormula>, blocks, kTileBlock, 0, stream, grid, in.map, in.extrema, shown));
  if (kDivides && out.overlay)
    CUDA_CHECK(launch(largest_sample_kernel, blocks, kTileBlock, 0, stream, grid, in.map, in.extrema, shown,
                      in.picture, largest, wide));
  CUDA_CHECK(launch(overlay_kernel<kFormula>, blocks, kTileBlock, 0, stream, grid, in.map, in.extrema, shown,
                    largest, in.picture, in.gradient, params.channels, out.shown, out.overlay, out.product,
                    wide));
}

}  // namespace

void overlay(Context& context, const OverlayParams& params, const OverlayInput& in,
             const OverlayOutput& out) {
  if (params.batch == 0) return;
  if ((out.overlay && !in.picture) || (out.product && !in.gradient))
    throw Error(ErrorKind::internal,
                "[overlay] an overlay was asked for without a picture, or a product without a gradient");
  if (params.formula == OverlayFormula::paper)
    run<OverlayFormula::paper>(context, params, in, out);
  else
    run<OverlayFormula::pytorch_grad_cam>(context, params, in, out);
}

}  // namespace backlight::cuda
