#include "models/scenes/object.hpp"

#include <algorithm>
#include <cmath>

#include "models/scenes/shapes.hpp"

namespace backlight::scenes {

bool are_apart(const Place& a, const Place& b) {
  constexpr double kGap = 2;
  const double distance = (a.radius + b.radius) * kReach + kGap;
  return std::abs(a.x - b.x) >= distance || std::abs(a.y - b.y) >= distance;
}

Box draw_object(Canvas& canvas, Draws& draws, int shape, const Rgb& first, const Rgb& second,
                const Place& place) {
  const Rotation rotation = random_rotation(draws);
  const Rotation light = random_rotation(draws);
  const double light_strength = draws.uniform(0, 0.2);
  const double squeeze = draws.uniform(0.85, 1);
  const bool squeeze_u = draws.chance(0.5), mirrored = draws.chance(0.5);
  const double radius_u = place.radius * (squeeze_u ? squeeze : 1) * (mirrored ? -1 : 1);
  const double radius_v = place.radius * (squeeze_u ? 1 : squeeze);
  const std::uint64_t grain = random_bits(static_cast<std::uint64_t>(draws.below(1 << 30)), 0);

  constexpr int kGrid = 4, kSamples = kGrid * kGrid;
  const double reach = place.radius * kReach;
  const int left = std::max(0, static_cast<int>(std::floor(place.x - reach)));
  const int right = std::min(canvas.size, static_cast<int>(std::ceil(place.x + reach)));
  const int top = std::max(0, static_cast<int>(std::floor(place.y - reach)));
  const int bottom = std::min(canvas.size, static_cast<int>(std::ceil(place.y + reach)));
  int x0 = right, y0 = bottom, x1 = left, y1 = top;
  for (int y = top; y < bottom; ++y) {
    for (int x = left; x < right; ++x) {
      int covered = 0;
      double tone = 0;
      for (int i = 0; i < kSamples; ++i) {
        const double dx = x + (i % kGrid + 0.5) / kGrid - place.x;
        const double dy = y + (i / kGrid + 0.5) / kGrid - place.y;
        const double u = (rotation.c * dx + rotation.s * dy) / radius_u;
        const double v = (rotation.c * dy - rotation.s * dx) / radius_v;
        if (const auto sample = sample_shape(shape, u, v, grain)) {
          ++covered;
          tone += *sample;
        }
      }
      if (covered == 0) continue;
      const double across = (light.c * (x - place.x) + light.s * (y - place.y)) / place.radius;
      const Rgb colour = scaled(mix(first, second, tone / covered), 1 + light_strength * across);
      canvas.at(x, y) = mix(canvas.at(x, y), colour, static_cast<double>(covered) / kSamples);
      x0 = std::min(x0, x);
      y0 = std::min(y0, y);
      x1 = std::max(x1, x + 1);
      y1 = std::max(y1, y + 1);
    }
  }
  return {static_cast<double>(x0), static_cast<double>(y0), static_cast<double>(x1), static_cast<double>(y1)};
}

}  // namespace backlight::scenes
