#include <algorithm>

#include "engine/runtime/device.hpp"
#include "kernels/gemm/gemm.hpp"
#include "kernels/grain.hpp"

namespace backlight::cpu {
namespace {

/// Depth of a block: a panel of B, depth × two vectors, stays in the L1 cache while the panels of A pass by.
constexpr std::int64_t kPanelBytes = 24 * 1024;
/// Extents of a block of C: its panels of A stay in the L2 cache while the panels of B pass by.
constexpr std::int64_t kBlockRows = 512, kBlockColumns = 2048;

/// Beginning of part `i` of `count` cut into `parts` as equal as possible.
std::int64_t cut(std::int64_t count, std::int64_t parts, std::int64_t i) { return count * i / parts; }

/// How k is cut, whatever the other extents.
struct Depths {
  template <class T>
  Depths(const MicroKernels<T>& kernels, std::int64_t depth)
      : whole(depth),
        most(kPanelBytes / (kernels.vectors * kernels.lanes * static_cast<std::int64_t>(sizeof(T)))),
        count(std::max<std::int64_t>(ceil_div(whole, most), 1)) {}
  std::int64_t begin(std::int64_t i) const { return cut(whole, count, i); }

  std::int64_t whole, most, count;
};

struct Grid {
  std::int64_t rows, columns;
};

/// Cuts C into blocks, several per thread, where that makes packing the operands again cheaper than idling.
Grid plan(const GemmShape& s, std::int64_t row_panels, std::int64_t problems, int threads) {
  Grid grid{ceil_div(s.m, kBlockRows), ceil_div(s.n, kBlockColumns)};
  if (threads == 1) return grid;
  while (problems * grid.rows * grid.columns < 4 * threads) {
    const std::int64_t rows = s.m / (2 * grid.rows), columns = s.n / (2 * grid.columns);
    if (std::max(rows, 1L) * std::max(columns, 1L) * s.k < (1 << 17)) break;
    // Halving the rows packs B twice, which costs in proportion to 1/rows; and likewise the columns.
    if (columns < 32 || 3 * rows > columns)
      grid.rows *= 2;
    else
      grid.columns *= 2;
  }
  return {std::min(grid.rows, row_panels), std::min(grid.columns, ceil_div(s.n, 32))};
}

}  // namespace

template <class T>
void pack(const MicroKernels<T>& kernels, const MatrixSource<T>& a, std::int64_t m, std::int64_t k,
          T* packed) {
  const Depths depths(kernels, k);
  const RowPanels panels(m, kernels.rows);
  for (std::int64_t d = 0; d < depths.count; ++d) {
    const std::int64_t k0 = depths.begin(d), depth = depths.begin(d + 1) - k0;
    for (std::int64_t p = 0; p < panels.count; ++p) {
      const std::int64_t i = panels.begin(p);
      const int rows = static_cast<int>(panels.begin(p + 1) - i);
      a.pack(kernels, i, rows, rows, k0, depth, packed + m * k0 + i * depth);
    }
  }
}

template <class T>
void gemm(Context& context, const MicroKernels<T>& kernels, const GemmShape& shape,
          std::span<const GemmProblem<T>> problems) {
  if (shape.m == 0 || shape.n == 0 || problems.empty()) return;
  const Depths depths(kernels, shape.k);
  const RowPanels panels(shape.m, kernels.rows);
  const Grid grid = plan(shape, panels.count, static_cast<std::int64_t>(problems.size()), context.threads());
  const std::int64_t panel_width = kernels.vectors * kernels.lanes;
  constexpr std::int64_t kLine = 64 / sizeof(T);  ///< elements of a line of cache
  const std::int64_t a_size =
      ceil_div(ceil_div(panels.count, grid.rows) * kernels.rows * std::min(depths.most, shape.k), 16) * 16;
  const std::int64_t b_size = panel_width * depths.most;
  const Tensor scratch = context.empty({context.threads(), a_size + b_size}, dtype_of<T>);
  T* const scratch_data = const_cast<Tensor&>(scratch).template data<T>();

  context.parallel_for(grid.rows * grid.columns * std::ssize(problems), [&](std::int64_t item, int worker) {
    const std::int64_t block = item % (grid.rows * grid.columns);
    const GemmProblem<T>& problem = problems[static_cast<std::size_t>(item / (grid.rows * grid.columns))];
    const std::int64_t p0 = cut(panels.count, grid.rows, block / grid.columns);
    const std::int64_t p1 = cut(panels.count, grid.rows, block / grid.columns + 1);
    const std::int64_t i0 = panels.begin(p0);
    const std::int64_t vectors = ceil_div(shape.n, kernels.lanes);
    const std::int64_t j0 = cut(vectors, grid.columns, block % grid.columns) * kernels.lanes;
    const std::int64_t j1 =
        std::min(cut(vectors, grid.columns, block % grid.columns + 1) * kernels.lanes, shape.n);
    T* const own_a = scratch_data + worker * (a_size + b_size);
    T* const b = own_a + a_size;

    for (std::int64_t d = 0; d < depths.count; ++d) {
      const std::int64_t k0 = depths.begin(d), depth = depths.begin(d + 1) - k0;
      const bool accumulate = shape.accumulate || d > 0;
      const T* const a = problem.packed_a ? problem.packed_a + shape.m * k0 + i0 * depth : own_a;
      for (std::int64_t p = p0; !problem.packed_a && p < p1; ++p) {
        const std::int64_t i = panels.begin(p);
        const int rows = static_cast<int>(panels.begin(p + 1) - i);
        problem.a->pack(kernels, i, rows, rows, k0, depth, own_a + (i - i0) * depth);
      }
      for (std::int64_t j = j0; j < j1; j += panel_width) {
        const int columns = static_cast<int>(std::min(panel_width, j1 - j));
        const int tile_vectors = static_cast<int>(ceil_div(columns, kernels.lanes));
        problem.b->pack(kernels, j, columns, tile_vectors * kernels.lanes, k0, depth, b);
        // The panel of B that is packed next, or, where it does not lie in memory or has been asked for, the rows of A.
        const bool last = j + panel_width >= j1;
        const Stepping<T> next = problem.b->in_memory(last ? j0 : j + panel_width, last ? k0 + depth : k0);
        for (std::int64_t p = p0; p < p1; ++p) {
          const std::int64_t i = panels.begin(p), rows = panels.begin(p + 1) - i;
          const T* const panel = a + (i - i0) * depth;
          const std::int64_t at = i * shape.ldc + j;
          const Epilogue<T> epilogue = behind(problem.epilogue, at);
          const bool of_b = next.from && (p - p0) * kLine < panel_width + kLine;
          kernels.tile[rows - 1][tile_vectors - 1](
              depth, panel, b, problem.bias ? problem.bias + i : nullptr, accumulate, problem.c + at,
              shape.ldc, columns, of_b ? next.from + (p - p0) * kLine : panel + kAhead * rows,
              of_b ? next.step : rows, d + 1 == depths.count ? &epilogue : nullptr);
        }
      }
    }
  });
}

template <class T>
void pack_lanes(const MicroKernels<T>& kernels, const MatrixSource<T>& a, std::int64_t m, std::int64_t k,
                T* packed) {
  const std::int64_t panel = std::int64_t{kernels.vectors} * kernels.lanes;
  for (std::int64_t i = 0; i < m; i += panel) {
    const std::int64_t count = std::min(panel, m - i);
    a.pack(kernels, i, static_cast<int>(count),
           static_cast<int>(ceil_div(count, kernels.lanes) * kernels.lanes), 0, k, packed + i * k);
  }
}

template <class T>
void gemm_of_few_columns(Context& context, const MicroKernels<T>& kernels, const GemmShape& shape,
                         std::span<const GemmProblem<T>> problems) {
  if (shape.m == 0 || shape.n == 0 || problems.empty()) return;
  const Depths depths(kernels, shape.k);
  const RowPanels panels(shape.n, kernels.rows);
  const std::int64_t width = std::int64_t{kernels.vectors} * kernels.lanes;
  const std::int64_t size = ceil_div(shape.n * shape.k, 16) * 16, tile_size = shape.n * width;
  Tensor scratch = context.empty({std::ssize(problems) * size + context.threads() * tile_size}, dtype_of<T>);
  T* const b = scratch.data<T>();
  T* const tiles = b + std::ssize(problems) * size;

  const std::int64_t parts = depths.count * panels.count;
  context.parallel_for(std::ssize(problems) * parts, [&](std::int64_t item, int) {
    const std::int64_t problem = item / parts, d = item % parts / panels.count, p = item % panels.count;
    const std::int64_t k0 = depths.begin(d), depth = depths.begin(d + 1) - k0;
    const std::int64_t j = panels.begin(p);
    const int columns = static_cast<int>(panels.begin(p + 1) - j);
    problems[static_cast<std::size_t>(problem)].b->pack(kernels, j, columns, columns, k0, depth,
                                                        b + problem * size + shape.n * k0 + j * depth);
  });
  const std::int64_t row_panels = ceil_div(shape.m, width);
  const std::int64_t chunks =
      std::min(row_panels, ceil_div(std::int64_t{4} * context.threads(), std::ssize(problems)));
  context.parallel_for(std::ssize(problems) * chunks, [&](std::int64_t item, int worker) {
    const std::int64_t index = item / chunks;
    const GemmProblem<T>& problem = problems[static_cast<std::size_t>(index)];
    T* const tile = tiles + worker * tile_size;
    const std::int64_t last = cut(row_panels, chunks, item % chunks + 1);
    for (std::int64_t panel = cut(row_panels, chunks, item % chunks); panel < last; ++panel) {
      const std::int64_t i = panel * width;
      const int rows = static_cast<int>(std::min(width, shape.m - i));
      const int vectors = static_cast<int>(ceil_div(rows, kernels.lanes));
      for (std::int64_t j = 0; j < shape.n; ++j)
        if (problem.bias)
          std::copy_n(problem.bias + i, rows, tile + j * width);
        else
          std::fill_n(tile + j * width, rows, T{0});
      for (std::int64_t d = 0; d < depths.count; ++d) {
        const std::int64_t k0 = depths.begin(d), depth = depths.begin(d + 1) - k0;
        const T* const lanes = problem.packed_a + i * shape.k + k0 * vectors * kernels.lanes;
        const std::int64_t block = depth * vectors * kernels.lanes;
        for (std::int64_t p = 0; p < panels.count; ++p) {
          const std::int64_t j = panels.begin(p);
          kernels.tile[panels.begin(p + 1) - j - 1][vectors - 1](
              depth, b + index * size + shape.n * k0 + j * depth, lanes, nullptr, true, tile + j * width,
              width, rows, lanes + block + cut(block, panels.count, p), panels.begin(p + 1) - j, nullptr);
        }
      }
      kernels.pack_rows(tile, width, static_cast<int>(shape.n), rows, static_cast<int>(shape.n),
                        problem.c + i * shape.n);
      kernels.apply(behind(problem.epilogue, i * shape.n), rows * shape.n, problem.c + i * shape.n);
    }
  });
}

#define BACKLIGHT_INSTANTIATE(T)                                                                            \
  template void pack(const MicroKernels<T>&, const MatrixSource<T>&, std::int64_t, std::int64_t, T*);       \
  template void pack_lanes(const MicroKernels<T>&, const MatrixSource<T>&, std::int64_t, std::int64_t, T*); \
  template void gemm(Context&, const MicroKernels<T>&, const GemmShape&, std::span<const GemmProblem<T>>);  \
  template void gemm_of_few_columns(Context&, const MicroKernels<T>&, const GemmShape&,                     \
                                    std::span<const GemmProblem<T>>);
BACKLIGHT_INSTANTIATE(float)
BACKLIGHT_INSTANTIATE(double)
#undef BACKLIGHT_INSTANTIATE

}  // namespace backlight::cpu
