#include <immintrin.h>

#include "kernels/gemm/portable_vector.hpp"

namespace backlight::cpu {
namespace {

/// 14 rows × 2 vectors: 28 sums, 2 columns and 1 broadcast row fill 31 of the 32 registers.
struct Avx512 {
  using T = float;
  using Reg = __m512;
  using Mask = __mmask16;
  static constexpr int kLanes = 16, kRows = 14, kDotRows = 4, kDotImages = 3;

  static Reg zero() { return _mm512_setzero_ps(); }
  static Reg set(float x) { return _mm512_set1_ps(x); }
  static Reg load(const float* p) { return _mm512_loadu_ps(p); }
  static void store(float* p, Reg v) { _mm512_storeu_ps(p, v); }
  static Mask mask(int first, int last) { return static_cast<Mask>((1u << last) - (1u << first)); }
  static Reg load(Reg v, Mask mask, const float* p) { return _mm512_mask_loadu_ps(v, mask, p); }
  static void store(float* p, Mask mask, Reg v) { _mm512_mask_storeu_ps(p, mask, v); }
  static Reg fma(Reg a, Reg b, Reg c) { return _mm512_fmadd_ps(a, b, c); }

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
