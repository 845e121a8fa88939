#include <immintrin.h>

#include "kernels/gemm/portable_vector.hpp"

namespace backlight::cpu {
namespace {

alignas(32) constexpr std::int32_t kLane[8] = {0, 1, 2, 3, 4, 5, 6, 7};

/// 6 rows × 2 vectors: 12 sums, 2 columns and 1 broadcast row fill 15 of the 16 registers.
struct Avx2 {
  using T = float;
  using Reg = __m256;
  using Mask = __m256i;
  static constexpr int kLanes = 8, kRows = 6, kDotRows = 4, kDotImages = 1;

  static Reg zero() { return _mm256_setzero_ps(); }
  static Reg set(float x) { return _mm256_set1_ps(x); }
  static Reg load(const float* p) { return _mm256_loadu_ps(p); }
  static void store(float* p, Reg v) { _mm256_storeu_ps(p, v); }
  static Mask mask(int first, int last) {
    const __m256i lane = _mm256_load_si256(reinterpret_cast<const __m256i*>(kLane));
    return _mm256_andnot_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(first), lane),
                               _mm256_cmpgt_epi32(_mm256_set1_epi32(last), lane));
  }
  static Reg load(Reg v, Mask mask, const float* p) {
    return _mm256_blendv_ps(v, _mm256_maskload_ps(p, mask), _mm256_castsi256_ps(mask));
  }
  static void store(float* p, Mask mask, Reg v) { _mm256_maskstore_ps(p, mask, v); }
  static Reg fma(Reg a, Reg b, Reg c) { return _mm256_fmadd_ps(a, b, c); }

  /// Where v is NaN, so is the result: both instructions return their second operand then.
  static Reg at_least(Reg least, Reg v) { return _mm256_max_ps(least, v); }
  static Reg at_most(Reg most, Reg v) { return _mm256_min_ps(most, v); }

  static Reg greater(Reg v, Reg best) {
    return _mm256_blendv_ps(
        best, v, _mm256_or_ps(_mm256_cmp_ps(v, best, _CMP_GT_OQ), _mm256_cmp_ps(v, v, _CMP_UNORD_Q)));
  }

  /// Pairs of lanes 0, 2, 1, 3: where the halves of two registers came in turns.
  static Reg in_order(Reg v) { return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(v), 0xd8)); }
  static Reg evens(Reg a, Reg b) { return in_order(_mm256_shuffle_ps(a, b, 0x88)); }

  static void split(const float* p, Reg (&part)[2]) {
    const Reg a = load(p), b = load(p + 8);
    part[0] = evens(a, b);
    part[1] = in_order(_mm256_shuffle_ps(a, b, 0xdd));
  }
  static void merge(const Reg (&part)[2], float* p) {
    const Reg low = _mm256_unpacklo_ps(part[0], part[1]), high = _mm256_unpackhi_ps(part[0], part[1]);
    store(p, _mm256_permute2f128_ps(low, high, 0x20));
    store(p + 8, _mm256_permute2f128_ps(low, high, 0x31));
  }

  /// Each of the four rows of four elements in a half of a register becomes a column of them.
  static void transpose_fours(Reg (&r)[4]) {
    const Reg a = _mm256_unpacklo_ps(r[0], r[1]), b = _mm256_unpackhi_ps(r[0], r[1]);
    const Reg c = _mm256_unpacklo_ps(r[2], r[3]), d = _mm256_unpackhi_ps(r[2], r[3]);
    r[0] = _mm256_shuffle_ps(a, c, 0x44);
    r[1] = _mm256_shuffle_ps(a, c, 0xee);
    r[2] = _mm256_shuffle_ps(b, d, 0x44);
    r[3] = _mm256_shuffle_ps(b, d, 0xee);
  }
  /// Four elements are half of a register: halves i and i + 4 side by side, then transposed.
  static void split(const float* p, Reg (&part)[4]) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i)
      part[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p + 4 * i)),
                                     _mm_loadu_ps(p + 4 * i + 16), 1);
    transpose_fours(part);
  }
  static void merge(const Reg (&part)[4], float* p) {
    Reg rows[4] = {part[0], part[1], part[2], part[3]};
    transpose_fours(rows);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      _mm_storeu_ps(p + 4 * i, _mm256_castps256_ps128(rows[i]));
      _mm_storeu_ps(p + 4 * i + 16, _mm256_extractf128_ps(rows[i], 1));
    }
  }

  /// Exchanges halves of pairs of rows: of 2×2, of 4×4 elements, then of the 128-bit parts.
  static void transpose(Reg (&r)[8]) {
    Reg t[8];
#pragma GCC unroll 4
    for (int i = 0; i < 8; i += 2) {
      t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
      t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
#pragma GCC unroll 2
    for (int i = 0; i < 8; i += 4) {
      r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
      r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
      r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
      r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      t[i] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x20);
      t[i + 4] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x31);
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) r[i] = t[i];
  }
};

}  // namespace

extern const MicroKernels<float> kAvx2Kernels;
extern const MicroKernels<double> kAvx2Kernels64;
constinit const MicroKernels<float> kAvx2Kernels = make_micro_kernels<Avx2>(Isa::avx2);
constinit const MicroKernels<double> kAvx2Kernels64 =
    make_micro_kernels<Portable<double, sizeof(Avx2::Reg)>>(Isa::avx2);

}  // namespace backlight::cpu
