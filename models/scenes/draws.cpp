#include "models/scenes/draws.hpp"

namespace backlight::scenes {

Rgb from_hsv(double hue, double saturation, double value) {
  const int sector = static_cast<int>(hue) % 6;
  const double f = hue - static_cast<double>(static_cast<int>(hue));
  const double p = value * (1 - saturation);
  const double q = value * (1 - saturation * f);
  const double t = value * (1 - saturation * (1 - f));
  switch (sector) {
    case 0:
      return {value, t, p};
    case 1:
      return {q, value, p};
    case 2:
      return {p, value, t};
    case 3:
      return {p, q, value};
    case 4:
      return {t, p, value};
    default:
      return {value, p, q};
  }
}

Rgb random_colour(Draws& draws) {
  const double hue = draws.uniform(0, 6);
  const double saturation = draws.uniform(0.15, 0.9);
  return from_hsv(hue, saturation, draws.uniform(0.2, 0.98));
}

Rgb contrasting_colour(Draws& draws, const Rgb& other) {
  constexpr double kContrast = 0.3;
  const double target = luminance(other);
  for (int attempt = 0; attempt < 16; ++attempt) {
    const Rgb colour = random_colour(draws);
    const double difference = luminance(colour) - target;
    if (difference >= kContrast || difference <= -kContrast) return colour;
  }
  return target < 0.5 ? Rgb{0.95, 0.93, 0.88} : Rgb{0.08, 0.08, 0.12};
}

Rotation random_rotation(Draws& draws) {
  // t = tan(θ/2) within ±45°, then a quarter turn: nearly uniform over the circle, and exactly rounded.
  constexpr double kTanEighthOfPi = 0.41421356237309503;
  const double t = draws.uniform(-kTanEighthOfPi, kTanEighthOfPi);
  const double c = (1 - t * t) / (1 + t * t);
  const double s = 2 * t / (1 + t * t);
  switch (draws.below(4)) {
    case 0:
      return {c, s};
    case 1:
      return {-s, c};
    case 2:
      return {-c, -s};
    default:
      return {s, -c};
  }
}

}  // namespace backlight::scenes
