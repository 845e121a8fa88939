// Substitute for CUDA's <vector_types.h>: what the project uses of it, with the same sizes and alignments.
#pragma once

#define BACKLIGHT_VECTORS(T, name, alignment2, alignment4) \
  struct name##1 {                                         \
    T x;                                                   \
  };                                                       \
  struct alignas(alignment2) name##2 {                     \
    T x, y;                                                \
  };                                                       \
  struct name##3 {                                         \
    T x, y, z;                                             \
  };                                                       \
  struct alignas(alignment4) name##4 {                     \
    T x, y, z, w;                                          \
  };

BACKLIGHT_VECTORS(float, float, 8, 16)
BACKLIGHT_VECTORS(int, int, 8, 16)
BACKLIGHT_VECTORS(unsigned, uint, 8, 16)
BACKLIGHT_VECTORS(unsigned char, uchar, 2, 4)
#undef BACKLIGHT_VECTORS

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned vx = 1, unsigned vy = 1, unsigned vz = 1) : x(vx), y(vy), z(vz) {}
  constexpr operator uint3() const { return {x, y, z}; }
};
