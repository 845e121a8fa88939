#include <doctest/doctest.h>

#include <algorithm>
#include <limits>

#include "engine/runtime/device.hpp"
#include "kernels/conv2d/patches.hpp"
#include "kernels/gemm/gemm.hpp"
#include "kernels/gemm/naive.hpp"
#include "support/compare.hpp"
#include "support/random.hpp"
#include "support/sentinel.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

struct GemmCase {
  std::int64_t m, n, k;
};
/// Around the extents of tiles (6 or 14 rows; 8, 16 or 32 columns), of vectors, and of blocks in depth.
const GemmCase kGemmCases[] = {{1, 1, 1},     {14, 32, 256}, {13, 127, 1}, {15, 33, 257},
                               {127, 13, 13}, {6, 16, 512},  {5, 31, 700}, {29, 49, 513},
                               {530, 17, 9},  {3, 2100, 5},  {64, 65, 0},  {2, 7, 2000}};

/// B as the patches of a 1×1 convolution over one row: element (j, k) is data[k·n + j].
template <class T>
cpu::Patches<T> columns_of(const Tensor& b, std::int64_t n) {
  const cpu::Axis vertical{1, 1, 1, 1, 1, 0}, horizontal{n, n, 1, 1, 1, 0};
  return {vertical, horizontal, b.data<T>()};
}

/// Against the naive loops, with sentinels around the result.
template <class T>
void check_gemm(const cpu::MicroKernels<T>& kernels, const GemmCase& c, bool accumulate, double tolerance) {
  CAPTURE(static_cast<int>(kernels.isa));
  CAPTURE(c.m);
  CAPTURE(c.n);
  CAPTURE(c.k);
  CAPTURE(accumulate);
  const auto random = [](const Shape& shape, const char* name) {
    return random_tensor(shape, name, -1, 1, dtype_of<T>);
  };
  const Tensor a = random({c.m, c.k}, "gemm.a"), b = random({c.k, c.n}, "gemm.b");
  const Tensor bias = random({c.m}, "gemm.bias");
  Tensor start = random({c.m, c.n}, "gemm.c");
  if (!accumulate)
    for (std::int64_t i = 0; i < start.numel(); ++i) start.data<T>()[i] = bias.data<T>()[i / c.n];
  const auto pool = std::make_shared<SentinelPool>();
  Tensor result(start.shape(), dtype_of<T>, pool);
  if (accumulate) std::copy_n(start.data<T>(), start.numel(), result.data<T>());
  const cpu::RowMajor<T> rows(a.data<T>(), c.k);
  const cpu::Patches<T> columns = columns_of<T>(b, c.n);
  const cpu::GemmProblem<T> problems[] = {{&rows, &columns, bias.data<T>(), result.data<T>()}};
  Context context({}, 2);
  cpu::gemm<T>(context, kernels, {.m = c.m, .n = c.n, .k = c.k, .ldc = c.n, .accumulate = accumulate},
               problems);
  CHECK(relative_error(result, naive_gemm(a, b, start)) <= tolerance);
  CHECK(pool->intact());
  if (accumulate) return;

  // The same bits from a packed A, by rows or by columns of C, whatever the threads; then the residual and the ReLU6 of each element.
  Tensor packed(a.shape(), dtype_of<T>, pool), again(start.shape(), dtype_of<T>, pool);
  Tensor in_lanes({cpu::ceil_div(c.m, kernels.lanes), kernels.lanes, c.k}, dtype_of<T>, pool);
  cpu::pack<T>(kernels, rows, c.m, c.k, packed.data<T>());
  cpu::pack_lanes<T>(kernels, rows, c.m, c.k, in_lanes.data<T>());
  const Tensor residual = random_tensor(start.shape(), "gemm.residual", -4, 4, dtype_of<T>);
  for (const int threads : {1, 3}) {
    Context other({}, threads);
    for (const bool follows : {false, true})
      for (const bool few_columns : {false, true}) {
        const cpu::GemmProblem<T> of_packed[] = {
            {nullptr, &columns, bias.data<T>(), again.data<T>(), (few_columns ? in_lanes : packed).data<T>(),
             follows ? Epilogue<T>{residual.data<T>(), true, 6} : Epilogue<T>{}}};
        std::fill_n(again.data<T>(), again.numel(), std::numeric_limits<T>::quiet_NaN());
        const auto multiply = few_columns ? cpu::gemm_of_few_columns<T> : cpu::gemm<T>;
        multiply(other, kernels, {.m = c.m, .n = c.n, .k = c.k, .ldc = c.n},
                 std::span<const cpu::GemmProblem<T>>(of_packed));
        CHECK(pool->intact());
        std::int64_t different = 0;
        for (std::int64_t i = 0; i < again.numel(); ++i) {
          const T plain = result.data<T>()[i];
          const T expected = follows ? std::clamp(plain + residual.data<T>()[i], T{0}, T{6}) : plain;
          different += again.data<T>()[i] == expected ? 0 : 1;
        }
        CHECK(different == 0);
      }
  }
}

}  // namespace

TEST_CASE("gemm: every instruction set agrees with the naive loops and writes nothing outside") {
  int sets = 0;
  for (const cpu::Isa isa : {cpu::Isa::portable, cpu::Isa::avx2, cpu::Isa::avx512}) {
    if (!cpu::available(isa)) continue;
    ++sets;
    CHECK(cpu::micro_kernels<float>(isa).isa == isa);
    CHECK(cpu::micro_kernels<double>(isa).isa == isa);
    for (const GemmCase& c : kGemmCases)
      for (const bool accumulate : {false, true}) {
        check_gemm(cpu::micro_kernels<float>(isa), c, accumulate, 2e-6);
        check_gemm(cpu::micro_kernels<double>(isa), c, accumulate, 1e-14);
      }
  }
  CHECK(sets >= 1);
}

TEST_CASE("gemm: equal columns give equal bits wherever they stand and whoever computes them") {
  const std::int64_t m = 43, n = 1003, k = 777;
  const Tensor a = random_tensor({m, k}, "gemm.equal.a"), column = random_tensor({k}, "gemm.equal.b");
  Tensor b({k, n});
  for (std::int64_t i = 0; i < b.numel(); ++i) b.data<float>()[i] = column.data<float>()[i / n];
  const cpu::RowMajor<float> rows(a.data<float>(), k);
  const cpu::Patches<float> columns = columns_of<float>(b, n);
  for (const int threads : {1, 2, 5}) {
    Tensor c({m, n});
    const cpu::GemmProblem<float> problems[] = {{&rows, &columns, nullptr, c.data<float>()}};
    Context context({}, threads);
    cpu::gemm<float>(context, cpu::micro_kernels<float>(cpu::best_isa()), {.m = m, .n = n, .k = k, .ldc = n}, problems);
    std::int64_t different = 0;
    for (std::int64_t i = 0; i < c.numel(); ++i)
      different += c.data<float>()[i] == c.data<float>()[i / n * n] ? 0 : 1;
    CHECK(different == 0);
  }
}

TEST_CASE("micro-kernels: rows are packed side by side, with zeros up to the width") {
  const Tensor x = random_tensor({40, 37}, "gemm.pack");
  for (const cpu::Isa isa : {cpu::Isa::portable, cpu::Isa::avx2, cpu::Isa::avx512}) {
    if (!cpu::available(isa)) continue;
    for (const auto& [count, width] : {std::pair{14, 14}, {17, 32}, {32, 32}, {3, 16}, {40, 48}}) {
      CAPTURE(count);
      CAPTURE(width);
      std::vector<float> panel(static_cast<std::size_t>(37 * width + 1), 7.0f);
      cpu::micro_kernels<float>(isa).pack_rows(x.data<float>(), 37, count, 37, width, panel.data());
      std::int64_t wrong = 0;
      for (std::int64_t k = 0; k < 37; ++k)
        for (std::int64_t i = 0; i < width; ++i)
          wrong +=
              panel[static_cast<std::size_t>(k * width + i)] != (i < count ? x.data<float>()[i * 37 + k] : 0);
      CHECK(wrong == 0);
      CHECK(panel.back() == 7);
    }
  }
}

TEST_CASE("micro-kernels: what follows an operation has the bits of its own, and stays within its elements") {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN(),
                  kInfinity = std::numeric_limits<float>::infinity();
  for (const cpu::Isa isa : {cpu::Isa::portable, cpu::Isa::avx2, cpu::Isa::avx512}) {
    if (!cpu::available(isa)) continue;
    CAPTURE(static_cast<int>(isa));
    const auto& kernels = cpu::micro_kernels<float>(isa);
    for (std::int64_t count : {1, 3, 16, 40}) {
      CAPTURE(count);
      Tensor y = random_tensor({count + 2}, "finish.y"),
             residual = random_tensor({count + 2}, "finish.residual");
      const float special[] = {-0.0F, kNan, kInfinity, -kInfinity, 7};
      for (std::int64_t i = 0; i < std::min<std::int64_t>(count, 5); ++i) y.data<float>()[i + 1] = special[i];
      residual.data<float>()[1] = -0.0F;
      for (const bool with_residual : {false, true})
        for (const double upper : {0.0, 6.0, double{kInfinity}}) {  // 0 stands for no ReLU
          const Epilogue<float> epilogue{with_residual ? residual.data<float>() : nullptr, upper > 0, upper};
          Tensor expected = y.clone(), found = y.clone();
          apply(epilogue, 1, count, expected.data<float>() + 1);
          kernels.apply(behind(epilogue, 1), count, found.data<float>() + 1);
          CHECK(same_bits(found, expected));
        }
    }
  }
}

TEST_CASE("micro-kernels: the best instruction set is one that is available") {
  CHECK(cpu::available(cpu::Isa::portable));
  CHECK(cpu::available(cpu::best_isa()));
  CHECK(cpu::isa_named("auto") == cpu::best_isa());
  CHECK(Context().isa() == cpu::best_isa());
}

TEST_CASE("micro-kernels: an instruction set is known by its name, and refused by it where it is not there") {
  for (const cpu::Isa isa : cpu::kIsas) {
    CHECK(cpu::isa_named(cpu::name_of(isa)) == isa);
    if (cpu::available(isa)) {
      CHECK(Context({}, 1, Precision::strict, isa).isa() == isa);
    } else {
      const std::string named = "kernels for " + std::string(cpu::name_of(isa)) + " were asked for";
      CHECK_THROWS_WITH_AS(Context({}, 1, Precision::strict, isa), doctest::Contains(named.c_str()), Error);
    }
  }
  CHECK_THROWS_WITH_AS(cpu::isa_named("avx51"),
                       "unknown instruction set 'avx51' (did you mean \"avx512\" or \"avx2\"?); expected auto, "
                       "avx512, avx2, portable",
                       Error);
}
