#include <immintrin.h>

#include "kernels/gemm/micro_kernels_impl.hpp"

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
};

}  // namespace

extern const MicroKernels<float> kAvx512Kernels;
constinit const MicroKernels<float> kAvx512Kernels = make_micro_kernels<Avx512>(Isa::avx512);

}  // namespace backlight::cpu
