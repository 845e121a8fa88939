#include <doctest/doctest.h>

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
cpu::Patches<float> columns_of(const Tensor& b, std::int64_t n) {
  const cpu::Axis vertical{1, 1, 1, 1, 1, 0}, horizontal{n, n, 1, 1, 1, 0};
  return {vertical, horizontal, b.data<float>()};
}

}  // namespace

TEST_CASE("gemm: every instruction set agrees with the naive loops and writes nothing outside") {
  int sets = 0;
  for (const cpu::Isa isa : {cpu::Isa::portable, cpu::Isa::avx2, cpu::Isa::avx512}) {
    if (!cpu::available(isa)) continue;
    ++sets;
    const auto& kernels = cpu::micro_kernels<float>(isa);
    CHECK(kernels.isa == isa);
    for (const GemmCase& c : kGemmCases)
      for (const bool accumulate : {false, true}) {
        CAPTURE(static_cast<int>(isa));
        CAPTURE(c.m);
        CAPTURE(c.n);
        CAPTURE(c.k);
        CAPTURE(accumulate);
        const Tensor a = random_tensor({c.m, c.k}, "gemm.a"), b = random_tensor({c.k, c.n}, "gemm.b");
        const Tensor bias = random_tensor({c.m}, "gemm.bias");
        Tensor start = random_tensor({c.m, c.n}, "gemm.c");
        if (!accumulate)
          for (std::int64_t i = 0; i < start.numel(); ++i)
            start.data<float>()[i] = bias.data<float>()[i / c.n];
        const auto pool = std::make_shared<SentinelPool>();
        Tensor result(start.shape(), DType::f32, pool);
        if (accumulate) std::ranges::copy(start.values(), result.data<float>());
        const cpu::RowMajor<float> rows(a.data<float>(), c.k);
        const cpu::Patches<float> columns = columns_of(b, c.n);
        const cpu::GemmProblem<float> problems[] = {
            {&rows, &columns, bias.data<float>(), result.data<float>()}};
        Context context({}, 2);
        cpu::gemm<float>(context, kernels,
                         {.m = c.m, .n = c.n, .k = c.k, .ldc = c.n, .accumulate = accumulate}, problems);
        CHECK(relative_error(result, naive_gemm(a, b, start)) <= 2e-6);
        CHECK(pool->intact());
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
  const cpu::Patches<float> columns = columns_of(b, n);
  for (const int threads : {1, 2, 5}) {
    Tensor c({m, n});
    const cpu::GemmProblem<float> problems[] = {{&rows, &columns, nullptr, c.data<float>()}};
    Context context({}, threads);
    cpu::gemm<float>(context, cpu::micro_kernels<float>(), {.m = m, .n = n, .k = k, .ldc = n}, problems);
    std::int64_t different = 0;
    for (std::int64_t i = 0; i < c.numel(); ++i)
      different += c.data<float>()[i] == c.data<float>()[i / n * n] ? 0 : 1;
    CHECK(different == 0);
  }
}

TEST_CASE("micro-kernels: the best instruction set is one that is available") {
  CHECK(cpu::available(cpu::Isa::portable));
  CHECK(cpu::available(cpu::best_isa()));
  CHECK(cpu::micro_kernels<float>().isa == cpu::best_isa());
  CHECK(cpu::micro_kernels<double>().isa == cpu::Isa::portable);
}
