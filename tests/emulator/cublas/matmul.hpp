// The arithmetic of the emulated cuBLASLt.
#pragma once

#include <cstdint>

namespace backlight::emulator {

/// What the tensor cores keep of an operand's 23 mantissa bits.
enum class Rounding : std::uint8_t { none, tf32, half };

/// D = A·B + beta·C + bias for float32 matrices by columns: A is m×k, or k×m and transposed; B is k×n, or n×k
/// and transposed; bias has m elements or is null. C may be D.
struct Matmul {
  std::int64_t m, n, k;
  bool transpose_a, transpose_b;
  std::int64_t lda, ldb, ldc, ldd;
  Rounding rounding;
  float alpha, beta;
  const float *a, *b, *c, *bias;
  float* d;
};

/// An element's value does not depend on the other columns. Sums are in float32, in eight interleaved lanes
/// where A is transposed, in the order of k where it is not.
void run(const Matmul& matmul);

}  // namespace backlight::emulator
