// Every version of the processor's ladders against plain loops in double, on awkward shapes: single elements, primes,
// around the extents of tiles, vectors and blocks; nothing is written outside.
#include <doctest/doctest.h>

#include "kernels/conv2d/naive.hpp"
#include "kernels/gemm/naive.hpp"
#include "kernels/study/cpu_convolution/ladder.hpp"
#include "kernels/study/cpu_product/ladder.hpp"
#include "support/compare.hpp"
#include "support/random.hpp"
#include "support/sentinel.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

void fill_with_nan(Tensor& tensor) {
  std::ranges::fill(tensor.values<float>(), std::numeric_limits<float>::quiet_NaN());
}

}  // namespace

TEST_CASE("cpu product ladder: every version agrees with the plain loops and writes nothing outside") {
  constexpr study::cpu_product::Params kProducts[] = {{1, 1, 1},    {6, 32, 256},  {7, 33, 257}, {13, 127, 1},
                                                      {5, 128, 64}, {31, 129, 65}, {2, 7, 700},  {3, 5, 0}};
  for (const cpu::Isa isa : cpu::kIsas) {
    if (!cpu::available(isa)) continue;
    CAPTURE(cpu::name_of(isa));
    Context one({}, 1, Precision::strict, isa), several({}, 3, Precision::strict, isa);
    for (const auto& p : kProducts) {
      CAPTURE(p.m);
      CAPTURE(p.n);
      CAPTURE(p.k);
      const Tensor a = random_tensor({p.m, p.k}, "ladder.a"), b = random_tensor({p.k, p.n}, "ladder.b");
      const Tensor expected = naive_gemm(a, b, Tensor::zeros({p.m, p.n}));
      for (const auto& version : study::cpu_product::kLadder) {
        CAPTURE(version.name);
        const auto pool = std::make_shared<SentinelPool>();
        Tensor c({p.m, p.n}, DType::f32, pool);
        fill_with_nan(c);
        version.run(version.all_threads ? several : one, p, a.data<float>(), b.data<float>(),
                    c.data<float>());
        CHECK(relative_error(c, expected) <= 2e-6);
        CHECK(pool->intact());
      }
    }
  }
}

TEST_CASE(
    "cpu convolution ladder: every version agrees with the plain loops, twice, and writes nothing outside") {
  constexpr study::cpu_convolution::Params kConvolutions[] = {
      {1, 1, 1, 1},    {3, 5, 2, 1},    {2, 9, 7, 17}, {17, 8, 5, 16},
      {16, 18, 9, 13}, {33, 16, 8, 31}, {5, 300, 3, 4}};
  for (const cpu::Isa isa : cpu::kIsas) {
    if (!cpu::available(isa)) continue;
    CAPTURE(cpu::name_of(isa));
    Context one({}, 1, Precision::strict, isa), several({}, 3, Precision::strict, isa);
    for (const auto& p : kConvolutions) {
      CAPTURE(p.in);
      CAPTURE(p.out);
      CAPTURE(p.height);
      CAPTURE(p.width);
      const Tensor w = random_tensor({p.out, p.in, 3, 3}, "ladder.w"), zeros = Tensor::zeros({p.out});
      for (const auto& version : study::cpu_convolution::kLadder) {
        CAPTURE(version.name);
        const auto convolve = version.run(version.all_threads ? several : one, p, w.data<float>());
        for (const char* name : {"ladder.x", "ladder.other"}) {
          const Tensor x = random_tensor({1, p.in, p.height, p.width}, name);
          const auto pool = std::make_shared<SentinelPool>();
          Tensor y({1, p.out, p.height, p.width}, DType::f32, pool);
          fill_with_nan(y);
          convolve(x.data<float>(), y.data<float>());
          const Tensor expected =
              naive_conv2d(study::cpu_convolution::conv2d_params(p), x, w, zeros, y.clone()).y;
          CHECK(relative_error(y, expected) <= 4e-6);
          CHECK(pool->intact());
        }
      }
    }
  }
}
