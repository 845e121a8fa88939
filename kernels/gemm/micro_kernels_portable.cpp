#include "kernels/gemm/micro_kernels_impl.hpp"

namespace backlight::cpu {
namespace {

/// 16 bytes, which every processor we know has registers for. Multiplies and adds are not fused, but their
/// order is that of the other instruction sets.
template <class Element>
struct Portable {
  using T = Element;
  static constexpr int kLanes = 16 / sizeof(T), kRows = 6, kDotRows = 4, kDotImages = 1;
  typedef T Reg __attribute__((vector_size(16)));
  struct Mask {
    int first, last;
  };

  static Reg zero() { return Reg{}; }
  static Reg set(T x) { return Reg{} + x; }
  static Reg load(const T* p) {
    Reg v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
  }
  static void store(T* p, Reg v) { __builtin_memcpy(p, &v, sizeof v); }
  static Mask mask(int first, int last) { return {first, last}; }
  static Reg load(Reg v, Mask mask, const T* p) {
    if (mask.last - mask.first == kLanes) return load(p);
    for (int i = mask.first; i < mask.last; ++i) v[i] = p[i];
    return v;
  }
  static void store(T* p, Mask mask, Reg v) {
    if (mask.last - mask.first == kLanes) return store(p, v);
    for (int i = mask.first; i < mask.last; ++i) p[i] = v[i];
  }
  static Reg fma(Reg a, Reg b, Reg c) { return a * b + c; }
  static void transpose(Reg (&r)[kLanes]) {
    for (int i = 0; i < kLanes; ++i)
      for (int j = 0; j < i; ++j) {
        const T above = r[j][i];
        r[j][i] = r[i][j];
        r[i][j] = above;
      }
  }
};

}  // namespace

extern const MicroKernels<float> kPortableKernels;
extern const MicroKernels<double> kPortableKernels64;
constinit const MicroKernels<float> kPortableKernels = make_micro_kernels<Portable<float>>(Isa::portable);
constinit const MicroKernels<double> kPortableKernels64 = make_micro_kernels<Portable<double>>(Isa::portable);

}  // namespace backlight::cpu
