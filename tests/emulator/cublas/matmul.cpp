#include "matmul.hpp"

#include <bit>
#include <vector>

namespace backlight::emulator {
namespace {

float rounded(float value, Rounding rounding) {
  if (rounding == Rounding::none) return value;
  if (rounding == Rounding::half) return static_cast<float>(static_cast<_Float16>(value));
  // TF32 has 10 bits of mantissa: to the nearest, ties to even. A NaN or infinity stays.
  std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7f800000u) == 0x7f800000u) return value;
  bits += 0x0fffu + (bits >> 13 & 1u);
  return std::bit_cast<float>(bits & ~0x1fffu);
}

template <Rounding rounding>
float dot(const float* a, const float* b, std::int64_t count) {
  constexpr int kLanes = 8;
  float sums[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (int lane = 0; lane < kLanes; ++lane) sums[lane] += rounded(a[i + lane], rounding) * b[i + lane];
  for (; i < count; ++i) sums[i % kLanes] += rounded(a[i], rounding) * b[i];
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

template <Rounding rounding>
void run_rounded(const Matmul& t) {
  std::vector<float> column(static_cast<std::size_t>(t.k)), product(static_cast<std::size_t>(t.m));
  for (std::int64_t j = 0; j < t.n; ++j) {
    for (std::int64_t p = 0; p < t.k; ++p)
      column[static_cast<std::size_t>(p)] =
          rounded(t.transpose_b ? t.b[p * t.ldb + j] : t.b[j * t.ldb + p], rounding);
    if (t.transpose_a) {
      for (std::int64_t i = 0; i < t.m; ++i)
        product[static_cast<std::size_t>(i)] = dot<rounding>(t.a + i * t.lda, column.data(), t.k);
    } else {
      product.assign(product.size(), 0.0f);
      for (std::int64_t p = 0; p < t.k; ++p) {
        const float* a = t.a + p * t.lda;
        const float factor = column[static_cast<std::size_t>(p)];
        float* sum = product.data();
        for (std::int64_t i = 0; i < t.m; ++i) sum[i] += rounded(a[i], rounding) * factor;
      }
    }
    for (std::int64_t i = 0; i < t.m; ++i) {
      float value = t.alpha * product[static_cast<std::size_t>(i)];
      if (t.beta != 0) value += t.beta * t.c[j * t.ldc + i];  // beta 0 does not read C
      if (t.bias) value += t.bias[i];
      t.d[j * t.ldd + i] = value;
    }
  }
}

}  // namespace

void run(const Matmul& matmul) {
  switch (matmul.rounding) {
    case Rounding::none:
      return run_rounded<Rounding::none>(matmul);
    case Rounding::tf32:
      return run_rounded<Rounding::tf32>(matmul);
    case Rounding::half:
      return run_rounded<Rounding::half>(matmul);
  }
}

}  // namespace backlight::emulator
