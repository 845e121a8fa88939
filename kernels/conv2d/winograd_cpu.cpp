#include <algorithm>
#include <array>

#include "engine/runtime/device.hpp"
#include "kernels/conv2d/winograd.hpp"
#include "kernels/gemm/gemm.hpp"
#include "kernels/grain.hpp"

namespace backlight::cpu {
namespace {

constexpr int kMostLanes = 16, kLargestTile = 4, kLargestPatch = kLargestTile + 2;
/// Products of as many output channels are transformed back together: they stay in the L2 cache beside the inputs.
constexpr std::int64_t kProductBytes = 256 * 1024;
/// Input channels that a thread transforms at a time where several share a block.
constexpr std::int64_t kChannelGrain = 16;

/// Whether tiles of 4×4 outputs are taken, not of 2×2: where two of them fit.
bool has_large_tiles(const Conv2dParams& p) {
  return p.out_height >= 2 * kLargestTile && p.out_width >= 2 * kLargestTile;
}

/// Tiles are counted over rows, then columns, then images.
struct Tiling {
  explicit Tiling(const Conv2dParams& p)
      : tile(has_large_tiles(p) ? kLargestTile : 2),
        patch(tile + 2),
        places(patch * patch),
        rows(ceil_div(p.out_height, tile)),
        columns(ceil_div(p.out_width, tile)),
        count(p.batch * rows * columns) {}
  std::int64_t tile, patch, places;
  std::int64_t rows, columns, count;
};

/// What a vector of tiles reads of every input channel, or writes of every output channel.
template <int N>
struct LineRuns {
  /// `count` elements of a plane from `start` + `from` on, where the row has `extent` of them, and of the lines from
  /// `line` on: runs of at most `lanes`.
  void add(std::int64_t start, std::int64_t from, std::int64_t extent, std::int64_t line, std::int64_t length,
           int lanes) {
    const std::int64_t last = std::min(from + length, extent);
    for (std::int64_t i = std::max<std::int64_t>(from, 0); i < last; i += lanes)
      all[count++] = {start + i, static_cast<int>(line + i - from),
                      static_cast<int>(std::min<std::int64_t>(lanes, last - i))};
  }

  LineRun all[N];
  int count = 0;
};

struct TileVector {
  LineRuns<2 * kLargestPatch * kMostLanes> input;
  LineRuns<kLargestTile * kMostLanes> output;
};

TileVector tile_vector(const Conv2dParams& p, const Tiling& tiling, std::int64_t first, int tiles,
                       int lanes) {
  TileVector vector;
  const std::int64_t size = tiling.tile, line = size * lanes;
  for (int lane = 0; lane < tiles;) {
    const std::int64_t tile = first + lane, column = tile % tiling.columns;
    const std::int64_t row = tile / tiling.columns % tiling.rows, image = tile / tiling.columns / tiling.rows;
    const int length = static_cast<int>(std::min<std::int64_t>(tiling.columns - column, tiles - lane));
    const std::int64_t at = size * lane, width = size * length;
    for (std::int64_t i = 0; i < tiling.patch; ++i) {
      const std::int64_t y = row * size + i - p.pad_top, x = column * size - p.pad_left;
      if (y < 0 || y >= p.in_height) continue;
      const std::int64_t plane = image * p.in_channels * p.in_height * p.in_width + y * p.in_width;
      vector.input.add(plane, x, p.in_width, 2 * i * line + at, width, lanes);
      vector.input.add(plane, x + size, p.in_width, (2 * i + 1) * line + at, width, lanes);
    }
    for (std::int64_t i = 0; i < size && row * size + i < p.out_height; ++i)
      vector.output.add((image * p.out_channels * p.out_height + row * size + i) * p.out_width, column * size,
                        p.out_width, i * line + at, width, lanes);
    lane += length;
  }
  return vector;
}

/// Elements between two places of a buffer: an odd number of cache lines, so that the places do not share cache sets.
std::int64_t padded(std::int64_t elements, std::size_t size) {
  const std::int64_t line = 64 / static_cast<std::int64_t>(size);
  return (ceil_div(elements, line) | 1) * line;
}

/// G, by rows: for tiles of 2 the points 0, ±1 and infinity, for tiles of 4 those of micro_kernels.hpp.
constexpr double kSmallG[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
constexpr double kLargeG[kLargestPatch][3] = {{1, 0, 0},
                                              {-2.0 / 3, -2.0 / 3 * kWinogradNear, -1.0 / 3},
                                              {-2.0 / 3, 2.0 / 3 * kWinogradNear, -1.0 / 3},
                                              {1.0 / 6, kWinogradFar / 6, 1.0 / 3},
                                              {1.0 / 6, -kWinogradFar / 6, 1.0 / 3},
                                              {0, 0, 1}};

/// G g Gᵀ of a filter whose taps lie `down` and `across` apart, for patches of `patch`.
template <class T>
std::array<double, kLargestPatch * kLargestPatch> transformed(std::int64_t patch, const T* g,
                                                              std::int64_t down, std::int64_t across) {
  const auto& rows = patch == kLargestPatch ? kLargeG : kSmallG;
  double half[kLargestPatch][3] = {};
  for (int i = 0; i < patch; ++i)
    for (int s = 0; s < 3; ++s)
      for (int r = 0; r < 3; ++r) half[i][s] += rows[i][r] * static_cast<double>(g[r * down + s * across]);
  std::array<double, kLargestPatch * kLargestPatch> all{};
  for (int i = 0; i < patch; ++i)
    for (int j = 0; j < patch; ++j)
      for (int s = 0; s < 3; ++s) all[static_cast<std::size_t>(i * patch + j)] += half[i][s] * rows[j][s];
  return all;
}

/// By panels of output channels; in one, for every place, a row for each input channel. The filter from c to o begins at
/// filter(o, c).
template <class T, class Filter>
Tensor packed_filters(const Context& context, const MicroKernels<T>& kernels, const Conv2dParams& p,
                      const Filter& filter, std::int64_t down, std::int64_t across) {
  const Tiling tiling(p);
  const std::int64_t in = p.in_channels, places = tiling.places;
  Tensor packed({tiling.patch, tiling.patch, p.out_channels, in}, dtype_of<T>);
  const RowPanels panels(p.out_channels, kernels.rows);
  context.parallel_for(panels.count, [&](std::int64_t index, int) {
    const std::int64_t begin = panels.begin(index), rows = panels.begin(index + 1) - begin;
    T* const panel = packed.data<T>() + begin * places * in;
    for (std::int64_t o = 0; o < rows; ++o)
      for (std::int64_t c = 0; c < in; ++c) {
        const auto all = transformed(tiling.patch, filter(begin + o, c), down, across);
        for (std::int64_t place = 0; place < places; ++place)
          panel[(place * in + c) * rows + o] = static_cast<T>(all[static_cast<std::size_t>(place)]);
      }
  });
  return packed;
}

/// One convolution under way.
template <class T>
struct Winograd {
  const MicroKernels<T>& kernels;
  const Conv2dParams& p;
  const T* x;
  const T* packed;
  const T* bias;
  const Epilogue<T>& epilogue;
  T* y;

  Tiling tiling{p};
  RowPanels panels{p.out_channels, kernels.rows};                      ///< of output channels
  std::int64_t width = std::int64_t{kernels.vectors} * kernels.lanes;  ///< tiles of a block
  std::int64_t blocks = ceil_div(tiling.count, width);
  int size = tiling.tile == kLargestTile;       ///< of the transforms
  std::int64_t group = std::max<std::int64_t>(  ///< panels
      kProductBytes / (tiling.places * width * kernels.rows * static_cast<std::int64_t>(sizeof(T))), 1);
  std::int64_t groups = ceil_div(panels.count, group);
  std::int64_t input_stride = padded(p.in_channels * width, sizeof(T));
  std::int64_t product_stride = padded(group * kernels.rows * width, sizeof(T));

  std::int64_t first_tile(std::int64_t block) const { return block * width; }
  int vectors(std::int64_t block) const {
    return static_cast<int>(ceil_div(std::min(width, tiling.count - first_tile(block)), kernels.lanes));
  }
  TileVector runs(std::int64_t block, int vector) const {
    const std::int64_t first = first_tile(block) + std::int64_t{vector} * kernels.lanes;
    return tile_vector(p, tiling, first,
                       static_cast<int>(std::min<std::int64_t>(kernels.lanes, tiling.count - first)),
                       kernels.lanes);
  }

  /// inputs[place · input_stride + (channel · vectors + vector) · lanes + lane], for channels [c0, c1).
  void transform(std::int64_t block, std::int64_t c0, std::int64_t c1, T* inputs) const {
    alignas(64) T lines[2 * kLargestPatch * kLargestTile * kMostLanes];
    const int count = vectors(block);
    for (int v = 0; v < count; ++v) {
      const TileVector tiles = runs(block, v);
      std::fill(std::begin(lines), std::end(lines), T{0});
      for (std::int64_t c = c0; c < c1; ++c)
        kernels.winograd_input[size](tiles.input.all, tiles.input.count, x + c * p.in_height * p.in_width,
                                     lines, inputs + (c * count + v) * kernels.lanes, input_stride);
    }
  }

  /// The output channels of panels [p0, p1).
  void multiply(std::int64_t block, std::int64_t p0, std::int64_t p1, const T* inputs, T* products) const {
    const int count = vectors(block);
    const std::int64_t row = std::int64_t{count} * kernels.lanes, first = panels.begin(p0);
    for (std::int64_t place = 0; place < tiling.places; ++place)
      for (std::int64_t panel = p0; panel < p1; ++panel) {
        const std::int64_t begin = panels.begin(panel), rows = panels.begin(panel + 1) - begin;
        const T* const filters = packed + (begin * tiling.places + place * rows) * p.in_channels;
        kernels.tile[rows - 1][count - 1](p.in_channels, filters, inputs + place * input_stride, nullptr,
                                          false, products + place * product_stride + (begin - first) * row,
                                          row, static_cast<int>(row), filters + kAhead * rows, rows, nullptr);
      }
    for (int v = 0; v < count; ++v) {
      const TileVector tiles = runs(block, v);
      for (std::int64_t o = first; o < panels.begin(p1); ++o) {
        const std::int64_t at = o * p.out_height * p.out_width;
        kernels.winograd_output[size](products + (o - first) * row + std::int64_t{v} * kernels.lanes,
                                      product_stride, bias ? bias[o] : T{0}, tiles.output.all,
                                      tiles.output.count, behind(epilogue, at), y + at);
      }
    }
  }
};

}  // namespace

bool winograd_pays(const Conv2dParams& p) {
  const bool is_plain = p.kernel_height == 3 && p.kernel_width == 3 && p.stride_height == 1 &&
                        p.stride_width == 1 && p.dilation_height == 1 && p.dilation_width == 1 &&
                        p.groups == 1;
  return is_plain && p.in_channels >= 16 && p.out_channels >= 16 &&
         (has_large_tiles(p) || (p.out_height >= 6 && p.out_width >= 6));
}

std::int64_t winograd_operations(const Conv2dParams& p) {
  const Tiling tiling(p);
  return 2 * tiling.places * tiling.count * p.in_channels * p.out_channels;
}

template <class T>
Tensor winograd_pack(const Context& context, const MicroKernels<T>& kernels, const Conv2dParams& p,
                     const T* w) {
  const auto filter = [&](std::int64_t o, std::int64_t c) { return w + (o * p.in_channels + c) * 9; };
  return packed_filters(context, kernels, p, filter, 3, 1);
}

template <class T>
Tensor winograd_pack_gradient(const Context& context, const MicroKernels<T>& kernels, const Conv2dParams& p,
                              const T* w) {
  const auto filter = [&](std::int64_t c, std::int64_t o) { return w + (o * p.in_channels + c) * 9 + 8; };
  return packed_filters(context, kernels, gradient_params(p), filter, -3, -1);
}

template <class T>
void winograd_forward(Context& context, const MicroKernels<T>& kernels, const Conv2dParams& p, const T* x,
                      const T* packed, const T* bias, const Epilogue<T>& epilogue, T* y) {
  const Winograd<T> w{kernels, p, x, packed, bias, epilogue, y};
  const std::int64_t inputs = w.tiling.places * w.input_stride, products = w.tiling.places * w.product_stride;
  const int threads = context.threads();
  // A block stays with one thread, out of whose cache no input then comes, unless threads would stand idle for long.
  if (5 * ceil_div(w.blocks, threads) * threads <= 6 * w.blocks) {
    Tensor scratch = context.empty({threads, inputs + products}, dtype_of<T>);
    T* const all = scratch.data<T>();
    context.parallel_for(w.blocks, [&](std::int64_t block, int worker) {
      T* const own = all + worker * (inputs + products);
      w.transform(block, 0, p.in_channels, own);
      for (std::int64_t g = 0; g < w.groups; ++g)
        w.multiply(block, g * w.group, std::min((g + 1) * w.group, w.panels.count), own, own + inputs);
    });
    return;
  }
  // A few blocks only: the threads share each of them.
  const std::int64_t chunks = ceil_div(p.in_channels, kChannelGrain);
  const std::int64_t group = std::clamp<std::int64_t>(w.blocks * w.panels.count / (4 * threads), 1, w.group);
  const std::int64_t groups = ceil_div(w.panels.count, group);
  Tensor scratch = context.empty({w.blocks * inputs + threads * products}, dtype_of<T>);
  T* const all = scratch.data<T>();
  context.parallel_for(w.blocks * chunks, [&](std::int64_t item, int) {
    const std::int64_t c0 = item % chunks * kChannelGrain;
    w.transform(item / chunks, c0, std::min(c0 + kChannelGrain, p.in_channels), all + item / chunks * inputs);
  });
  context.parallel_for(w.blocks * groups, [&](std::int64_t item, int worker) {
    const std::int64_t p0 = item % groups * group;
    w.multiply(item / groups, p0, std::min(p0 + group, w.panels.count), all + item / groups * inputs,
               all + w.blocks * inputs + worker * products);
  });
}

#define BACKLIGHT_INSTANTIATE(T)                                                                            \
  template Tensor winograd_pack(const Context&, const MicroKernels<T>&, const Conv2dParams&, const T*);     \
  template Tensor winograd_pack_gradient(const Context&, const MicroKernels<T>&, const Conv2dParams&,       \
                                         const T*);                                                         \
  template void winograd_forward(Context&, const MicroKernels<T>&, const Conv2dParams&, const T*, const T*, \
                                 const T*, const Epilogue<T>&, T*);
BACKLIGHT_INSTANTIATE(float)
BACKLIGHT_INSTANTIATE(double)
#undef BACKLIGHT_INSTANTIATE

}  // namespace backlight::cpu
