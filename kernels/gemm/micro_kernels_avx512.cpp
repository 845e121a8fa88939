#include <immintrin.h>

#include "kernels/gemm/portable_vector.hpp"

namespace backlight::cpu {
namespace {

/// 14 rows × 2 vectors: 28 sums, 2 columns and 1 broadcast row fill 31 of the 32 registers.
struct Avx512 {
  using T = float;
  using Reg = __m512;
  using Mask = __mmask16;
  static constexpr int kLanes = 16, kRows = 14, kDotRows = 8, kDotImages = 3;

  static Reg zero() { return _mm512_setzero_ps(); }
  static Reg set(float x) { return _mm512_set1_ps(x); }
  static Reg load(const float* p) { return _mm512_loadu_ps(p); }
  static void store(float* p, Reg v) { _mm512_storeu_ps(p, v); }
  static Mask mask(int first, int last) { return static_cast<Mask>((1u << last) - (1u << first)); }
  static Reg load(Reg v, Mask mask, const float* p) { return _mm512_mask_loadu_ps(v, mask, p); }
  static void store(float* p, Mask mask, Reg v) { _mm512_mask_storeu_ps(p, mask, v); }
  static Reg fma(Reg a, Reg b, Reg c) { return _mm512_fmadd_ps(a, b, c); }

  /// Where v is NaN, so is the result: both instructions return their second operand then.
  static Reg at_least(Reg least, Reg v) { return _mm512_max_ps(least, v); }
  static Reg at_most(Reg most, Reg v) { return _mm512_min_ps(most, v); }

  static Reg greater(Reg v, Reg best) {
    const Mask taken = _mm512_cmp_ps_mask(v, best, _CMP_GT_OQ) | _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    return _mm512_mask_mov_ps(best, taken, v);
  }
  static __m512i even_lanes() {
    return _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  }
  static Reg evens(Reg a, Reg b) { return _mm512_permutex2var_ps(a, even_lanes(), b); }

  static void split(const float* p, Reg (&part)[2]) {
    const Reg a = load(p), b = load(p + 16);
    part[0] = evens(a, b);
    part[1] = _mm512_permutex2var_ps(a, _mm512_add_epi32(even_lanes(), _mm512_set1_epi32(1)), b);
  }
  static void merge(const Reg (&part)[2], float* p) {
    const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    store(p, _mm512_permutex2var_ps(part[0], low, part[1]));
    store(p + 16, _mm512_permutex2var_ps(part[0], _mm512_add_epi32(low, _mm512_set1_epi32(8)), part[1]));
  }

  /// Parts 0 and 1, then 2 and 3, of half of the elements each; then the halves together.
  static void split(const float* p, Reg (&part)[4]) {
    const __m512i first = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
    const __m512i second = _mm512_add_epi32(first, _mm512_set1_epi32(2));
    const Reg a = load(p), b = load(p + 16), c = load(p + 32), d = load(p + 48);
    const Reg low01 = _mm512_permutex2var_ps(a, first, b), high01 = _mm512_permutex2var_ps(c, first, d);
    const Reg low23 = _mm512_permutex2var_ps(a, second, b), high23 = _mm512_permutex2var_ps(c, second, d);
    part[0] = _mm512_shuffle_f32x4(low01, high01, 0x44);
    part[1] = _mm512_shuffle_f32x4(low01, high01, 0xee);
    part[2] = _mm512_shuffle_f32x4(low23, high23, 0x44);
    part[3] = _mm512_shuffle_f32x4(low23, high23, 0xee);
  }
  /// Pairs of parts 0 and 1, and of 2 and 3; then pairs of pairs.
  static void merge(const Reg (&part)[4], float* p) {
    const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
    const __m512i pairs = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11),
                  last_pairs = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const __m512i from = half ? high : low;
      const __m512d left = _mm512_castps_pd(_mm512_permutex2var_ps(part[0], from, part[1]));
      const __m512d right = _mm512_castps_pd(_mm512_permutex2var_ps(part[2], from, part[3]));
      store(p + 32 * half, _mm512_castpd_ps(_mm512_permutex2var_pd(left, pairs, right)));
      store(p + 32 * half + 16, _mm512_castpd_ps(_mm512_permutex2var_pd(left, last_pairs, right)));
    }
  }

  /// Four steps, each of which exchanges halves of pairs of rows: of 2×2, then 4×4 elements within every
  /// 128 bits, then of the 128-bit parts themselves.
  static void transpose(Reg (&r)[16]) {
    Reg t[16];
#pragma GCC unroll 8
    for (int i = 0; i < 16; i += 2) {
      t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
      t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4) {
      r[i] = _mm512_shuffle_ps(t[i], t[i + 2], 0x44);
      r[i + 1] = _mm512_shuffle_ps(t[i], t[i + 2], 0xee);
      r[i + 2] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0x44);
      r[i + 3] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0xee);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      t[i] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88);
      t[i + 4] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xdd);
      t[i + 8] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88);
      t[i + 12] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xdd);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      r[i] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
      r[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xdd);
      r[i + 4] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0x88);
      r[i + 12] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0xdd);
    }
  }
};

}  // namespace

extern const MicroKernels<float> kAvx512Kernels;
extern const MicroKernels<double> kAvx512Kernels64;
constinit const MicroKernels<float> kAvx512Kernels = make_micro_kernels<Avx512>(Isa::avx512);
constinit const MicroKernels<double> kAvx512Kernels64 =
    make_micro_kernels<Portable<double, sizeof(Avx512::Reg)>>(Isa::avx512);

}  // namespace backlight::cpu
