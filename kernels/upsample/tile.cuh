// What the kernels over a picture's pixels share: a block computes a tile of 32×32 pixels, a thread four
// neighbours of a row; where a pixel lies between the values of a coarse map is computed once per row and
// column of the tile.
#pragma once

#include <cstdint>
#include <limits>

#include "engine/core/error.hpp"
#include "kernels/launch.hpp"
#include "kernels/upsample/upsample.hpp"

namespace backlight::cuda {

constexpr int kTile = 32;
constexpr int kPixels = 4;  // per thread
constexpr int kTileThreads = kTile * kTile / kPixels;
inline const dim3 kTileBlock(kTile / kPixels, kTile);

/// Output = (1 − t) · in[lower] + t · in[upper].
struct Tap {
  int lower, upper;
  float t;
};

/// How the outputs of one axis lie over its inputs. Coordinates are computed in double, but `nearest` in
/// float, as on the CPU, where that decides on which side a tie falls.
struct Axis {
  int in, out;
  bool nearest;
  double ratio, shift;  ///< coordinate = (i + shift) · ratio − shift
  float nearest_ratio;

  __device__ Tap tap(int i) const {
    if (nearest) {
      const int at = min(static_cast<int>(static_cast<float>(i) * nearest_ratio), in - 1);
      return {at, at, 0.0f};
    }
    const float coordinate = static_cast<float>((static_cast<double>(i) + shift) * ratio - shift);
    const float clamped = fminf(fmaxf(coordinate, 0.0f), static_cast<float>(in - 1));
    const int lower = static_cast<int>(clamped);
    return {lower, min(lower + 1, in - 1), clamped - static_cast<float>(lower)};
  }
};

inline Axis axis(std::int64_t in, std::int64_t out, Upsampling mode) {
  constexpr std::int64_t kMost = std::numeric_limits<int>::max() - kTile;
  if (in < 1 || out < 1 || in > kMost || out > kMost)
    throw Error(ErrorKind::unsupported, "[upsample] an axis of ", in, " values was to become one of ", out,
                ", expected 1 to ", kMost);
  const double across = static_cast<double>(in) / static_cast<double>(out);
  const double corners = out > 1 ? static_cast<double>(in - 1) / static_cast<double>(out - 1) : 0.0;
  const bool align = mode == Upsampling::bilinear_align_corners;
  return {static_cast<int>(in),     static_cast<int>(out), mode == Upsampling::nearest,
          align ? corners : across, align ? 0.0 : 0.5,     static_cast<float>(in) / static_cast<float>(out)};
}

/// `batch` pictures cut into tiles; one block per tile.
struct TileGrid {
  Axis rows, columns;
  int tiles_across, tiles_down;

  unsigned blocks(std::int64_t batch) const {
    const std::int64_t per_picture = std::int64_t{tiles_across} * tiles_down;
    if (batch > std::numeric_limits<int>::max() / per_picture)
      throw Error(ErrorKind::unsupported, "[upsample] ", batch, " pictures of ", rows.out, "×", columns.out,
                  " are too many for one kernel");
    return static_cast<unsigned>(batch * per_picture);
  }
};

inline TileGrid tile_grid(const UpsampleParams& p) {
  const Axis rows = axis(p.height, p.out_height, p.mode), columns = axis(p.width, p.out_width, p.mode);
  return {rows, columns, (columns.out + kTile - 1) / kTile, (rows.out + kTile - 1) / kTile};
}

/// A thread's place: pixels (x … x+3, y) of picture n, of which `count` (0 to 4) lie within it.
struct Place {
  std::int64_t n;
  int x, y, count;

  /// Of the first pixel, in an array of pictures.
  __device__ std::int64_t index(const TileGrid& grid) const {
    return (n * grid.rows.out + y) * grid.columns.out + x;
  }
};

__device__ inline Place place_of_thread(const TileGrid& grid) {
  const int tile = static_cast<int>(blockIdx.x) % (grid.tiles_across * grid.tiles_down);
  const int x = tile % grid.tiles_across * kTile + static_cast<int>(threadIdx.x) * kPixels;
  const int y = tile / grid.tiles_across * kTile + static_cast<int>(threadIdx.y);
  const int count = y < grid.rows.out ? min(max(grid.columns.out - x, 0), kPixels) : 0;
  return {static_cast<int>(blockIdx.x) / (grid.tiles_across * grid.tiles_down), x, y, count};
}

/// The tile's taps: those of its columns, then those of its rows. Ends with a barrier.
__device__ inline void fill_taps(const TileGrid& grid, Tap* taps) {
  const int tile = static_cast<int>(blockIdx.x) % (grid.tiles_across * grid.tiles_down);
  const int thread = static_cast<int>(threadIdx.y * blockDim.x + threadIdx.x), i = thread % kTile;
  if (thread < kTile)
    taps[i] = grid.columns.tap(min(tile % grid.tiles_across * kTile + i, grid.columns.out - 1));
  else if (thread < 2 * kTile)
    taps[kTile + i] = grid.rows.tap(min(tile / grid.tiles_across * kTile + i, grid.rows.out - 1));
  __syncthreads();
}

/// The thread's values of the coarse map that `at(row · width + column)` reads.
template <class At>
__device__ void sample(const TileGrid& grid, const Tap* taps, const Place& place, const At& at,
                       float (&value)[kPixels]) {
  const Tap row = taps[kTile + threadIdx.y];
  const std::int64_t above = std::int64_t{row.lower} * grid.columns.in,
                     below = std::int64_t{row.upper} * grid.columns.in;
#pragma unroll
  for (int p = 0; p < kPixels; ++p) {
    if (p >= place.count) break;
    const Tap column = taps[threadIdx.x * kPixels + p];
    const float upper = at(above + column.lower) * (1 - column.t) + at(above + column.upper) * column.t;
    const float lower = at(below + column.lower) * (1 - column.t) + at(below + column.upper) * column.t;
    value[p] = upper * (1 - row.t) + lower * row.t;
  }
}

/// Whether four neighbours of a row can be moved at once in arrays that start at these addresses.
template <class... T>
bool wide_rows(const TileGrid& grid, const T*... arrays) {
  const auto aligned = [](const auto* array) {
    return reinterpret_cast<std::uintptr_t>(array) % (kPixels * sizeof *array) == 0;
  };
  return grid.columns.out % kPixels == 0 && (aligned(arrays) && ...);
}

__device__ inline void store(float* to, const float (&value)[kPixels], int count, bool wide) {
  if (wide) {
    *reinterpret_cast<float4*>(to) = make_float4(value[0], value[1], value[2], value[3]);
    return;
  }
#pragma unroll
  for (int p = 0; p < kPixels; ++p)
    if (p < count) to[p] = value[p];
}

/// A thread's pixels, three bytes each.
using Bytes = unsigned char[3 * kPixels];

__device__ inline void load_pixels(const std::uint8_t* from, Bytes& bytes, int count, bool wide) {
  if (wide) {
#pragma unroll
    for (int i = 0; i < 3; ++i) {
      const uchar4 four = reinterpret_cast<const uchar4*>(from)[i];
      bytes[4 * i] = four.x;
      bytes[4 * i + 1] = four.y;
      bytes[4 * i + 2] = four.z;
      bytes[4 * i + 3] = four.w;
    }
    return;
  }
#pragma unroll
  for (int i = 0; i < 3 * kPixels; ++i) bytes[i] = i < 3 * count ? from[i] : 0;
}

__device__ inline void store_pixels(std::uint8_t* to, const Bytes& bytes, int count, bool wide) {
  if (wide) {
#pragma unroll
    for (int i = 0; i < 3; ++i)
      reinterpret_cast<uchar4*>(to)[i] = {bytes[4 * i], bytes[4 * i + 1], bytes[4 * i + 2], bytes[4 * i + 3]};
    return;
  }
#pragma unroll
  for (int i = 0; i < 3 * kPixels; ++i)
    if (i < 3 * count) to[i] = bytes[i];
}

}  // namespace backlight::cuda
