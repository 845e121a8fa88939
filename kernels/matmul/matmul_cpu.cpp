#include <algorithm>
#include <vector>

#include "engine/runtime/device.hpp"
#include "kernels/gemm/gemm.hpp"
#include "kernels/matmul/matmul.hpp"

namespace backlight::cpu {
namespace {

/// A matrix in memory whose element (i, k) is data[i·row + k·column], of which one is 1.
template <class T>
class Strided final : public MatrixSource<T> {
 public:
  Strided(const T* data, std::int64_t row, std::int64_t column) : data_(data), row_(row), column_(column) {}
  void pack(const MicroKernels<T>& kernels, std::int64_t i0, int count, int width, std::int64_t k0,
            std::int64_t depth, T* panel) const override {
    const T* const from = data_ + i0 * row_ + k0 * column_;
    if (column_ == 1) return kernels.pack_rows(from, row_, count, depth, width, panel);
    if (count < width) std::fill_n(panel, depth * width, T{0});
    for (std::int64_t k = 0; k < depth; ++k) std::copy_n(from + k * column_, count, panel + k * width);
  }

 private:
  const T* data_;
  std::int64_t row_, column_;
};

}  // namespace

template <class T>
void matmul(Context& context, const MatmulParams& p, const T* a, const T* b, T* y) {
  std::vector<Strided<T>> rows, columns;  // of the factors, for every item
  for (std::int64_t item = 0; item < p.batch; ++item) {
    rows.emplace_back(a + item * p.m * p.k, p.transpose_a ? 1 : p.k, p.transpose_a ? p.m : 1);
    columns.emplace_back(b + item * p.k * p.n, p.transpose_b ? p.k : 1, p.transpose_b ? 1 : p.n);
  }
  std::vector<GemmProblem<T>> problems;
  for (std::size_t item = 0; item < rows.size(); ++item)
    problems.push_back({.a = &rows[item],
                        .b = &columns[item],
                        .bias = nullptr,
                        .c = y + static_cast<std::int64_t>(item) * p.m * p.n});
  gemm<T>(context, micro_kernels<T>(context.isa()), {.m = p.m, .n = p.n, .k = p.k, .ldc = p.n, .accumulate = p.accumulate},
          problems);
}

template void matmul(Context&, const MatmulParams&, const float*, const float*, float*);
template void matmul(Context&, const MatmulParams&, const double*, const double*, double*);

}  // namespace backlight::cpu
