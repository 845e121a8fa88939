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

struct Grid {
  std::int64_t rows, columns;
};

/// Cuts C into blocks, several per thread, where that makes packing the operands again cheaper than idling.
Grid plan(const GemmShape& s, std::int64_t problems, int threads) {
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
  return {std::min(grid.rows, s.m), std::min(grid.columns, ceil_div(s.n, 32))};
}

}  // namespace

template <class T>
void gemm(Context& context, const MicroKernels<T>& kernels, const GemmShape& shape,
          std::span<const GemmProblem<T>> problems) {
  if (shape.m == 0 || shape.n == 0 || problems.empty()) return;
  const Grid grid = plan(shape, static_cast<std::int64_t>(problems.size()), context.threads());
  const std::int64_t panel_width = kernels.vectors * kernels.lanes;
  const std::int64_t max_depth = kPanelBytes / (panel_width * static_cast<std::int64_t>(sizeof(T)));
  const std::int64_t depth_blocks = std::max<std::int64_t>(ceil_div(shape.k, max_depth), 1);
  const std::int64_t a_size = ceil_div(ceil_div(shape.m, grid.rows) * max_depth, 16) * 16;
  const std::int64_t b_size = panel_width * max_depth;
  const Tensor scratch = context.empty({context.threads(), a_size + b_size}, dtype_of<T>);
  T* const scratch_data = const_cast<Tensor&>(scratch).template data<T>();

  context.parallel_for(grid.rows * grid.columns * std::ssize(problems), [&](std::int64_t item, int worker) {
    const std::int64_t block = item % (grid.rows * grid.columns);
    const GemmProblem<T>& problem = problems[static_cast<std::size_t>(item / (grid.rows * grid.columns))];
    const std::int64_t i0 = cut(shape.m, grid.rows, block / grid.columns);
    const std::int64_t m = cut(shape.m, grid.rows, block / grid.columns + 1) - i0;
    const std::int64_t vectors = ceil_div(shape.n, kernels.lanes);
    const std::int64_t j0 = cut(vectors, grid.columns, block % grid.columns) * kernels.lanes;
    const std::int64_t j1 =
        std::min(cut(vectors, grid.columns, block % grid.columns + 1) * kernels.lanes, shape.n);
    const std::int64_t row_panels = ceil_div(m, kernels.rows);
    T* const a = scratch_data + worker * (a_size + b_size);
    T* const b = a + a_size;

    for (std::int64_t depth_block = 0; depth_block < depth_blocks; ++depth_block) {
      const std::int64_t k0 = cut(shape.k, depth_blocks, depth_block);
      const std::int64_t depth = cut(shape.k, depth_blocks, depth_block + 1) - k0;
      const bool accumulate = shape.accumulate || depth_block > 0;
      for (std::int64_t p = 0; p < row_panels; ++p) {
        const std::int64_t i = cut(m, row_panels, p);
        const int rows = static_cast<int>(cut(m, row_panels, p + 1) - i);
        problem.a->pack(kernels, i0 + i, rows, rows, k0, depth, a + i * depth);
      }
      for (std::int64_t j = j0; j < j1; j += panel_width) {
        const int columns = static_cast<int>(std::min(panel_width, j1 - j));
        const int tile_vectors = static_cast<int>(ceil_div(columns, kernels.lanes));
        problem.b->pack(kernels, j, columns, tile_vectors * kernels.lanes, k0, depth, b);
        for (std::int64_t p = 0; p < row_panels; ++p) {
          const std::int64_t i = cut(m, row_panels, p);
          const std::int64_t rows = cut(m, row_panels, p + 1) - i;
          const T* bias = problem.bias ? problem.bias + i0 + i : nullptr;
          kernels.tile[rows - 1][tile_vectors - 1](depth, a + i * depth, b, bias, accumulate,
                                                   problem.c + (i0 + i) * shape.ldc + j, shape.ldc, columns);
        }
      }
    }
  });
}

template void gemm(Context&, const MicroKernels<float>&, const GemmShape&,
                   std::span<const GemmProblem<float>>);
template void gemm(Context&, const MicroKernels<double>&, const GemmShape&,
                   std::span<const GemmProblem<double>>);

}  // namespace backlight::cpu
