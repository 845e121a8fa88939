#include "models/scenes/shapes.hpp"

#include <cmath>

#include "engine/core/random.hpp"

namespace backlight::scenes {
namespace {

double fraction(double x) { return x - std::floor(x); }
/// 0 and 1 in turn, one period of both being 1 long.
double alternate(double x) { return fraction(x) < 0.5 ? 0.0 : 1.0; }

std::optional<double> striped_disc(double u, double v) {
  if (u * u + v * v >= 1) return {};
  return alternate(1.6 * u + 0.25);
}

std::optional<double> checkered_square(double u, double v) {
  constexpr double kHalf = 0.75;
  if (std::abs(u) >= kHalf || std::abs(v) >= kHalf) return {};
  constexpr double kCellsPerUnit = 2 / kHalf;  // four by four
  const bool odd_column = alternate(u * kCellsPerUnit / 2) > 0;
  const bool odd_row = alternate(v * kCellsPerUnit / 2) > 0;
  return odd_column != odd_row ? 1.0 : 0.0;
}

std::optional<double> dotted_triangle(double u, double v) {
  // Equilateral, a corner at (0, -1): the distance to each side's line is below the inradius.
  constexpr double kHalfRoot3 = 0.8660254037844386;
  if (v >= 0.5 || kHalfRoot3 * u - 0.5 * v >= 0.5 || -kHalfRoot3 * u - 0.5 * v >= 0.5) return {};
  constexpr double kSpacing = 0.36, kRadius = 0.115;
  const double row = std::floor((v + 0.5) / kSpacing);
  const double shift = fraction(row / 2) * kSpacing;  // every other row by half a spacing
  const double x = (fraction((u + shift) / kSpacing) - 0.5) * kSpacing;
  const double y = (fraction((v + 0.5) / kSpacing) - 0.5) * kSpacing;
  return x * x + y * y < kRadius * kRadius ? 1.0 : 0.0;
}

std::optional<double> ring(double u, double v) {
  const double r2 = u * u + v * v;
  if (r2 >= 1 || r2 < 0.52 * 0.52) return {};
  return r2 >= 0.68 * 0.68 && r2 < 0.84 * 0.84 ? 1.0 : 0.0;
}

std::optional<double> cross(double u, double v) {
  const auto inside = [&](double arm, double half_width) {
    const double x = std::abs(u), y = std::abs(v);
    return (x < arm && y < half_width) || (y < arm && x < half_width);
  };
  if (!inside(0.96, 0.33)) return {};
  return inside(0.84, 0.21) ? 0.0 : 1.0;
}

/// Five arms, each one half light and one half dark, as on a compass.
std::optional<double> star(double u, double v) {
  struct Point {
    double x, y;
  };
  constexpr double kInner = 0.46;
  constexpr double kSin18 = 0.3090169943749474, kCos18 = 0.9510565162951535;
  constexpr double kSin36 = 0.5877852522924731, kCos36 = 0.8090169943749475;
  // Tips and notches in turn, clockwise from the top.
  constexpr Point kCorners[10] = {{0, -1},
                                  {kInner * kSin36, -kInner * kCos36},
                                  {kCos18, -kSin18},
                                  {kInner * kCos18, kInner * kSin18},
                                  {kSin36, kCos36},
                                  {0, kInner},
                                  {-kSin36, kCos36},
                                  {-kInner * kCos18, kInner * kSin18},
                                  {-kCos18, -kSin18},
                                  {-kInner * kSin36, -kInner * kCos36}};
  for (int i = 0; i < 10; ++i) {
    const Point a = kCorners[i], b = kCorners[(i + 1) % 10];
    const bool after_a = a.x * v - a.y * u >= 0;
    const bool before_b = b.x * v - b.y * u < 0;
    const bool within = (b.x - a.x) * (v - a.y) - (b.y - a.y) * (u - a.x) > 0;
    if (after_a && before_b && within) return i % 2 ? 1.0 : 0.0;
  }
  return {};
}

std::optional<double> crescent(double u, double v) {
  const double x = u - 0.42;
  if (u * u + v * v >= 1 || x * x + v * v < 0.74 * 0.74) return {};
  return 0.5 * (v + 1);  // a smooth shade from tip to tip
}

std::optional<double> speckled_heart(double u, double v, std::uint64_t grain) {
  const double x = 1.18 * u, y = 0.12 - 1.18 * v;
  const double q = x * x + y * y - 1;
  if (q * q * q - x * x * y * y * y >= 0) return {};
  constexpr double kCell = 0.17;
  const auto column = static_cast<std::int64_t>(std::floor(u / kCell)) + 64;
  const auto row = static_cast<std::int64_t>(std::floor(v / kCell)) + 64;
  return random_uniform(grain, static_cast<std::uint64_t>(row * 128 + column)) < 0.36 ? 1.0 : 0.0;
}

std::optional<double> arrow(double u, double v) {
  const double y = std::abs(v);
  const bool shaft = u >= -0.95 && u < 0.1 && y < 0.27;
  const bool head = u >= 0.05 && y < 0.72 * (1 - u) / 0.95;
  if (!shaft && !head) return {};
  return alternate(1.75 * (u + 0.8 * y));  // chevrons
}

std::optional<double> latticed_hexagon(double u, double v) {
  constexpr double kHalfRoot3 = 0.8660254037844386;
  const double rising = kHalfRoot3 * u + 0.5 * v, falling = kHalfRoot3 * u - 0.5 * v;
  if (std::abs(v) >= kHalfRoot3 || std::abs(rising) >= kHalfRoot3 || std::abs(falling) >= kHalfRoot3)
    return {};
  constexpr double kLinesPerUnit = 2.3, kLine = 0.27;
  const auto on_line = [&](double x) { return fraction(x * kLinesPerUnit + 0.5 * kLine) < kLine; };
  return on_line(v) || on_line(rising) || on_line(falling) ? 1.0 : 0.0;
}

}  // namespace

std::optional<double> sample_shape(int shape, double u, double v, std::uint64_t grain) {
  switch (shape) {
    case 0:
      return striped_disc(u, v);
    case 1:
      return checkered_square(u, v);
    case 2:
      return dotted_triangle(u, v);
    case 3:
      return ring(u, v);
    case 4:
      return cross(u, v);
    case 5:
      return star(u, v);
    case 6:
      return crescent(u, v);
    case 7:
      return speckled_heart(u, v, grain);
    case 8:
      return arrow(u, v);
    default:
      return latticed_hexagon(u, v);
  }
}

}  // namespace backlight::scenes
