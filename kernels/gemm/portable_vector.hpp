// The vector type of the micro-kernels in the compiler's own terms, for registers of any size.
#pragma once

#include "kernels/gemm/micro_kernels_impl.hpp"

namespace backlight::cpu {
namespace {

/// In registers of kBytes. Multiplies and adds are not fused, but their order is that of the intrinsics'.
template <class Element, int kBytes>
struct Portable {
  using T = Element;
  static constexpr int kLanes = kBytes / sizeof(T), kRows = 6, kDotRows = 4, kDotImages = 1;
  typedef T Reg __attribute__((vector_size(kBytes)));
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
  static Reg at_least(Reg least, Reg v) { return v < least ? least : v; }
  static Reg at_most(Reg most, Reg v) { return v > most ? most : v; }
  static Reg greater(Reg v, Reg best) { return (v > best) | (v != v) ? v : best; }
  static Reg evens(Reg a, Reg b) {
    Reg v{};
    for (int i = 0; i < kLanes; ++i) v[i] = i < kLanes / 2 ? a[2 * i] : b[2 * i - kLanes];
    return v;
  }
  template <int n>
  static void split(const T* p, Reg (&part)[n]) {
    for (int i = 0; i < n * kLanes; ++i) part[i % n][i / n] = p[i];
  }
  template <int n>
  static void merge(const Reg (&part)[n], T* p) {
    for (int i = 0; i < n * kLanes; ++i) p[i] = part[i % n][i / n];
  }
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
}  // namespace backlight::cpu
