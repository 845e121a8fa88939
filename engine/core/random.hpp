// Random numbers that are a pure function of a seed and an index, the same on every machine and in any order.
#pragma once

#include <cstdint>
#include <string_view>

namespace backlight {

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): 64 well-mixed bits of `index` under `seed`.
constexpr std::uint64_t random_bits(std::uint64_t seed, std::uint64_t index) {
  std::uint64_t z = seed + (index + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/// Uniform in [0, 1), a multiple of 2^-24, so that float32 and float64 hold the same value.
constexpr double random_uniform(std::uint64_t seed, std::uint64_t index) {
  return static_cast<double>(random_bits(seed, index) >> 40) * 0x1p-24;
}

/// FNV-1a of a name, which gives each named thing a seed of its own.
constexpr std::uint64_t hash_of(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

}  // namespace backlight
