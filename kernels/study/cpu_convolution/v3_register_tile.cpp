// Idea: direct convolution of a tile in registers: 8 output channels of one
// vector of columns, summed over all channels and taps before they are stored.
// The picture is copied into a border of zeros first, so that no tap asks.
//
// Hypothesis: a vector of x is loaded once for eight multiply-adds, each with a
// number of w: the multipliers become the
//   limit, as in the product's v5. Filters are arranged once, the eight
//   channels of a tap side by side.
// Predicted limit: eight sums are as many as two units of four cycles' latency
// need; a vector of 16 covers 56 columns as
//   64 and 14 as 16, and lanes beyond the row are computed for nothing.
// Next bottleneck: one vector a tile: nine loads for eight multiply-adds. And x
// is read again for every eight channels.
#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "kernels/study/cpu_convolution/ladder.hpp"

namespace backlight::study::cpu_convolution::v3_register_tile {
namespace {

constexpr std::int64_t kChannels = 8, kMostLanes = 16;

#ifdef __x86_64__
#pragma GCC push_options
#pragma GCC target("avx512f,avx512vl,fma")
namespace avx512 {
constexpr int kBytes = 64;
#include "kernels/study/cpu_convolution/tile.hpp"
}  // namespace avx512
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx2,fma")
namespace avx2 {
constexpr int kBytes = 32;
#include "kernels/study/cpu_convolution/tile.hpp"
}  // namespace avx2
#pragma GCC pop_options
#endif
namespace portable {
constexpr int kBytes = 16;
#include "kernels/study/cpu_convolution/tile.hpp"
}  // namespace portable

struct Tile {
  void (*sum)(std::int64_t in, std::int64_t plane, std::int64_t pitch, const float* w, const float* x,
              float* to);
  std::int64_t lanes;
};
Tile tile_of(cpu::Isa isa) {
#ifdef __x86_64__
  if (isa == cpu::Isa::avx512) return {avx512::tile, avx512::kLanes};
  if (isa == cpu::Isa::avx2) return {avx2::tile, avx2::kLanes};
#endif
  return {portable::tile, portable::kLanes};
}

/// w: for every 8 output channels, in × 3 × 3 × 8. padded: in × (height + 2) ×
/// pitch.
void convolve(const Tile& tile, const Params& a, std::int64_t pitch, const float* w, const float* padded,
              float* y) {
  float sum[kChannels * kMostLanes];
  for (std::int64_t o = 0; o < a.out; o += kChannels)
    for (std::int64_t p = 0; p < a.height; ++p)
      for (std::int64_t q = 0; q < a.width; q += tile.lanes) {
        tile.sum(a.in, (a.height + 2) * pitch, pitch, w + o * a.in * 9, padded + p * pitch + q, sum);
        for (std::int64_t i = 0; i < std::min(kChannels, a.out - o); ++i)
          std::copy_n(sum + i * tile.lanes, std::min(tile.lanes, a.width - q),
                      y + ((o + i) * a.height + p) * a.width + q);
      }
}

}  // namespace

Convolution prepare(Context& context, const Params& a, const float* w) {
  const Tile tile = tile_of(context.isa());
  const std::int64_t pitch = (a.width + kMostLanes - 1) / kMostLanes * kMostLanes + 2;
  auto filters =
      std::make_shared<std::vector<float>>((a.out + kChannels - 1) / kChannels * kChannels * a.in * 9);
  for (std::int64_t o = 0; o < a.out; ++o)
    for (std::int64_t i = 0; i < a.in * 9; ++i)
      (*filters)[(o / kChannels * a.in * 9 + i) * kChannels + o % kChannels] = w[o * a.in * 9 + i];
  auto padded = std::make_shared<std::vector<float>>(a.in * (a.height + 2) * pitch);
  return [=](const float* x, float* y) {
    for (std::int64_t row = 0; row < a.in * a.height; ++row)
      std::copy_n(x + row * a.width, a.width,
                  padded->data() + (row / a.height * (a.height + 2) + row % a.height + 1) * pitch + 1);
    convolve(tile, a, pitch, filters->data(), padded->data(), y);
  };
}

}  // namespace backlight::study::cpu_convolution::v3_register_tile
