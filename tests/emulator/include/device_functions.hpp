// The device side of CUDA C++ for a host compiler: keywords, barriers, warp collectives, atomics, intrinsics.
// Included by the substitute cuda_runtime.h; what is not here, kernels of this project do not use.
#pragma once

#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "../simt.hpp"
#include "thread_index.hpp"

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(n) alignas(n)
#define __grid_constant__

namespace backlight::emulator {

template <class T>
std::uint64_t to_bits(T value) {
  static_assert(sizeof(T) <= 8, "a shuffle moves at most eight bytes");
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  return bits;
}
template <class T>
T from_bits(std::uint64_t bits) {
  T value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

template <class T>
T shuffle(unsigned mask, T value, int source, Location location) {
  return from_bits<T>(warp_exchange(mask, to_bits(value), Collective::shuffle, location).values[source]);
}

/// The old value. The host's CUDA threads take turns, so what matters is that ThreadSanitizer sees an atomic.
template <class T, class Update>
T read_modify_write(T* address, Update update) {
  std::atomic_ref<T> atomic(*address);
  T old = atomic.load(std::memory_order_relaxed);
  while (!atomic.compare_exchange_weak(old, update(old), std::memory_order_relaxed)) {
  }
  return old;
}

}  // namespace backlight::emulator

// --- barriers and warp collectives
#define BACKLIGHT_WHERE ::backlight::emulator::Location where = ::backlight::emulator::Location::current()

inline void __syncthreads(BACKLIGHT_WHERE) { backlight::emulator::block_barrier(true, where); }
inline int __syncthreads_count(int predicate, BACKLIGHT_WHERE) {
  return backlight::emulator::block_barrier(predicate != 0, where).count;
}
inline int __syncthreads_and(int predicate, BACKLIGHT_WHERE) {
  return backlight::emulator::block_barrier(predicate != 0, where).all;
}
inline int __syncthreads_or(int predicate, BACKLIGHT_WHERE) {
  return backlight::emulator::block_barrier(predicate != 0, where).any;
}
inline void __syncwarp(unsigned mask = 0xffffffffu, BACKLIGHT_WHERE) {
  backlight::emulator::warp_exchange(mask, 0, backlight::emulator::Collective::syncwarp, where);
}

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, BACKLIGHT_WHERE) {
  const int lane = static_cast<int>(backlight::emulator::lane_index());
  return backlight::emulator::shuffle(mask, value, (lane & ~(width - 1)) + (source & (width - 1)), where);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, BACKLIGHT_WHERE) {
  const int lane = static_cast<int>(backlight::emulator::lane_index()), by = static_cast<int>(delta);
  return backlight::emulator::shuffle(mask, value, (lane & (width - 1)) >= by ? lane - by : lane, where);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, BACKLIGHT_WHERE) {
  const int lane = static_cast<int>(backlight::emulator::lane_index()), by = static_cast<int>(delta);
  return backlight::emulator::shuffle(mask, value, (lane & (width - 1)) + by < width ? lane + by : lane,
                                      where);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32, BACKLIGHT_WHERE) {
  const int lane = static_cast<int>(backlight::emulator::lane_index()), source = lane ^ bits;
  const bool readable = (source & ~(width - 1)) <= (lane & ~(width - 1));
  return backlight::emulator::shuffle(mask, value, readable ? source : lane, where);
}

inline unsigned __ballot_sync(unsigned mask, int predicate, BACKLIGHT_WHERE) {
  const backlight::emulator::Lanes lanes =
      backlight::emulator::warp_exchange(mask, predicate != 0, backlight::emulator::Collective::vote, where);
  unsigned ballot = 0;
  for (unsigned i = 0; i < 32; ++i)
    if ((lanes.participants >> i & 1) && lanes.values[i]) ballot |= 1u << i;
  return ballot;
}
inline int __any_sync(unsigned mask, int predicate, BACKLIGHT_WHERE) {
  return __ballot_sync(mask, predicate, where) != 0;
}
inline int __all_sync(unsigned mask, int predicate, BACKLIGHT_WHERE) {
  return __ballot_sync(mask, !predicate, where) == 0;
}
/// The weakest answer that the programming model allows.
inline unsigned __activemask() { return 1u << backlight::emulator::lane_index(); }

// --- memory
template <class T>
T __ldg(const T* address) {
  return *address;
}
template <class T>
T __ldcs(const T* address) {
  return *address;
}
template <class T>
void __stcs(T* address, T value) {
  *address = value;
}
/// One thread at a time runs on the host, so memory is always in order; a fence is no barrier between
/// threads, and ThreadSanitizer is told of none.
inline void __threadfence() {}
inline void __threadfence_block() {}

template <class T>
T atomicAdd(T* address, std::type_identity_t<T> value) {
  return backlight::emulator::read_modify_write(address, [=](T old) { return static_cast<T>(old + value); });
}
template <class T>
T atomicSub(T* address, std::type_identity_t<T> value) {
  return backlight::emulator::read_modify_write(address, [=](T old) { return static_cast<T>(old - value); });
}
template <class T>
T atomicMax(T* address, std::type_identity_t<T> value) {
  return backlight::emulator::read_modify_write(address, [=](T old) { return old < value ? value : old; });
}
template <class T>
T atomicMin(T* address, std::type_identity_t<T> value) {
  return backlight::emulator::read_modify_write(address, [=](T old) { return value < old ? value : old; });
}
template <class T>
T atomicExch(T* address, std::type_identity_t<T> value) {
  return backlight::emulator::read_modify_write(address, [=](T) { return value; });
}
template <class T>
T atomicCAS(T* address, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
  return backlight::emulator::read_modify_write(address,
                                                [=](T old) { return old == expected ? value : old; });
}
template <class T>
T atomicOr(T* address, std::type_identity_t<T> value) {
  return backlight::emulator::read_modify_write(address, [=](T old) { return static_cast<T>(old | value); });
}

// --- vectors, mathematics
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline int2 make_int2(int x, int y) { return {x, y}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

inline int __popc(unsigned bits) { return std::popcount(bits); }
inline int __ffs(int bits) { return __builtin_ffs(bits); }
inline int __clz(int bits) { return std::countl_zero(static_cast<unsigned>(bits)); }
inline int __float_as_int(float value) { return std::bit_cast<int>(value); }
inline float __int_as_float(int value) { return std::bit_cast<float>(value); }
inline unsigned __float_as_uint(float value) { return std::bit_cast<unsigned>(value); }
inline float __uint_as_float(unsigned value) { return std::bit_cast<float>(value); }
// glibc declares functions of these names for itself.
#define __expf expf
#define __logf logf
#define __powf powf
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
inline float __fdividef(float a, float b) { return a / b; }
inline float rsqrtf(float value) { return 1.0f / std::sqrt(value); }
inline float __saturatef(float value) { return value > 0 ? (value < 1 ? value : 1.0f) : 0.0f; }

// Arithmetic types only, so that nothing of the standard library's becomes ambiguous.
template <class T>
requires std::is_arithmetic_v<T>
constexpr T max(T a, T b) { return a < b ? b : a; }
template <class T>
requires std::is_arithmetic_v<T>
constexpr T min(T a, T b) { return b < a ? b : a; }
