// A sequence of random draws and the colours made of them. Only + − × ÷, comparisons and integer arithmetic:
// every machine computes the same doubles (the build forbids fused multiply-add).
#pragma once

#include <cstdint>

#include "engine/core/random.hpp"

namespace backlight::scenes {

/// The numbers of one purpose of one scene. Two purposes never share a sequence, so that a change to one
/// (say, the number of objects) leaves the others (say, the background) as they are.
class Draws {
 public:
  Draws(std::uint64_t seed, std::uint64_t index, std::uint64_t purpose)
      : key_(random_bits(random_bits(seed, index), purpose)) {}

  double uniform(double low, double high) { return low + (high - low) * random_uniform(key_, next_++); }
  /// In [0, count).
  int below(int count) {
    return static_cast<int>(random_bits(key_, next_++) % static_cast<std::uint64_t>(count));
  }
  /// In [low, high].
  int between(int low, int high) { return low + below(high - low + 1); }
  bool chance(double probability) { return uniform(0, 1) < probability; }

 private:
  std::uint64_t key_;
  std::uint64_t next_ = 0;
};

/// Components in [0, 1].
struct Rgb {
  double r = 0, g = 0, b = 0;
};

inline Rgb mix(const Rgb& a, const Rgb& b, double t) {
  return {a.r + (b.r - a.r) * t, a.g + (b.g - a.g) * t, a.b + (b.b - a.b) * t};
}
inline Rgb scaled(const Rgb& c, double factor) { return {c.r * factor, c.g * factor, c.b * factor}; }

/// Rec. 709 weights.
inline double luminance(const Rgb& c) { return 0.2126 * c.r + 0.7152 * c.g + 0.0722 * c.b; }

/// Hue in sixths of the circle from red on, not negative; saturation and value in [0, 1].
Rgb from_hsv(double hue, double saturation, double value);

/// Any hue; the one palette that objects, backgrounds and distractors all draw from.
Rgb random_colour(Draws& draws);
/// A colour whose luminance differs from `other`'s by 0.3 at least.
Rgb contrasting_colour(Draws& draws, const Rgb& other);

/// A rotation by its cosine and sine, drawn without trigonometry.
struct Rotation {
  double c = 1, s = 0;
};
Rotation random_rotation(Draws& draws);

}  // namespace backlight::scenes
