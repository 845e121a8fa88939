#include "models/scenes/background.hpp"

#include <algorithm>
#include <cmath>

namespace backlight::scenes {
namespace {

constexpr std::uint64_t kClutterPurpose = 1, kCameraPurpose = 2, kGrainPurpose = 3, kNoisePurpose = 4;

/// Random values on a square lattice, bilinearly interpolated with smoothstep; in [-1, 1].
class LatticeNoise {
 public:
  LatticeNoise(std::uint64_t key, double cell) : key_(key), cell_(cell) {}

  double at(double x, double y) const {
    const double column = std::floor(x / cell_), row = std::floor(y / cell_);
    const double fx = smooth(x / cell_ - column), fy = smooth(y / cell_ - row);
    const double top = corner(column, row) + (corner(column + 1, row) - corner(column, row)) * fx;
    const double bottom =
        corner(column, row + 1) + (corner(column + 1, row + 1) - corner(column, row + 1)) * fx;
    return top + (bottom - top) * fy;
  }

 private:
  static double smooth(double t) { return t * t * (3 - 2 * t); }
  double corner(double column, double row) const {
    return 2 * random_uniform(key_, static_cast<std::uint64_t>(row * 4096 + column)) - 1;
  }

  std::uint64_t key_;
  double cell_;
};

void draw_ground(Canvas& canvas, Draws& draws, std::uint64_t noise_key) {
  const Rgb first = random_colour(draws);
  const Rgb other = random_colour(draws);
  const Rgb second = mix(first, other, draws.uniform(0.3, 0.9));
  const Rgb third = random_colour(draws);
  const Rotation direction = random_rotation(draws);
  const LatticeNoise coarse(noise_key, canvas.size / draws.uniform(2.5, 6));
  const LatticeNoise fine(noise_key + 1, canvas.size / draws.uniform(10, 24));
  const double coarse_strength = draws.uniform(0.1, 0.5), fine_strength = draws.uniform(0, 0.22);
  for (int y = 0; y < canvas.size; ++y) {
    for (int x = 0; x < canvas.size; ++x) {
      const double px = (x + 0.5) / canvas.size - 0.5, py = (y + 0.5) / canvas.size - 0.5;
      const double t = std::clamp(0.5 + direction.c * px + direction.s * py, 0.0, 1.0);
      const double patch = std::clamp(coarse_strength * (coarse.at(x, y) + 0.4), 0.0, 1.0);
      canvas.at(x, y) = scaled(mix(mix(first, second, t), third, patch), 1 + fine_strength * fine.at(x, y));
    }
  }
}

enum class Texture { plain, stripes, checks, dots };

double texture_tone(Texture texture, double x, double y, double period) {
  const double fx = x / period - std::floor(x / period), fy = y / period - std::floor(y / period);
  switch (texture) {
    case Texture::stripes:
      return fx < 0.5 ? 0.0 : 1.0;
    case Texture::checks:
      return (fx < 0.5) != (fy < 0.5) ? 1.0 : 0.0;
    case Texture::dots:
      return (fx - 0.5) * (fx - 0.5) + (fy - 0.5) * (fy - 0.5) < 0.1 ? 1.0 : 0.0;
    default:
      return 0.0;
  }
}

/// Something that is no object: a soft blob, an elongated ellipse, or a bar. Bars may be textured.
void draw_distractor(Canvas& canvas, Draws& draws) {
  const double size = canvas.size;
  const int kind = draws.below(3);
  const Rgb first = random_colour(draws), second = contrasting_colour(draws, first);
  const Rotation rotation = random_rotation(draws);
  const double cx = draws.uniform(0, size), cy = draws.uniform(0, size);
  const double length = size * (kind == 0 ? draws.uniform(0.08, 0.25) : draws.uniform(0.12, 0.5));
  const double aspect = kind == 0   ? draws.uniform(0.5, 1)
                        : kind == 1 ? draws.uniform(0.15, 0.45)
                                    : draws.uniform(0.03, 0.22);
  const double width = length * aspect;
  const double opacity = kind == 0 ? draws.uniform(0.4, 0.9) : draws.uniform(0.5, 1);
  const Texture texture =
      kind == 2 && width > 0.03 * size ? static_cast<Texture>(draws.below(4)) : Texture::plain;
  const double period = size * draws.uniform(0.045, 0.11);

  constexpr int kGrid = 3;
  const int left = std::max(0, static_cast<int>(std::floor(cx - length - width)));
  const int right = std::min(canvas.size, static_cast<int>(std::ceil(cx + length + width)));
  const int top = std::max(0, static_cast<int>(std::floor(cy - length - width)));
  const int bottom = std::min(canvas.size, static_cast<int>(std::ceil(cy + length + width)));
  for (int y = top; y < bottom; ++y) {
    for (int x = left; x < right; ++x) {
      const double mx = x + 0.5 - cx, my = y + 0.5 - cy;
      if (std::abs(rotation.c * mx + rotation.s * my) > length + 1) continue;
      if (std::abs(rotation.c * my - rotation.s * mx) > width + 1) continue;
      double coverage = 0, tone = 0;
      for (int i = 0; i < kGrid * kGrid; ++i) {
        const double dx = x + (i % kGrid + 0.5) / kGrid - cx, dy = y + (i / kGrid + 0.5) / kGrid - cy;
        const double along = rotation.c * dx + rotation.s * dy, across = rotation.c * dy - rotation.s * dx;
        const double u = along / length, v = across / width;
        double inside = 0;
        if (kind == 2)
          inside = std::abs(u) < 1 && std::abs(v) < 1 ? 1 : 0;
        else if (const double r2 = u * u + v * v; r2 < 1)
          inside = kind == 0 ? (1 - r2) * (1 - r2) : 1;
        coverage += inside;
        tone += inside * texture_tone(texture, along, across, period);
      }
      if (coverage <= 0) continue;
      const double alpha = opacity * coverage / (kGrid * kGrid);
      canvas.at(x, y) = mix(canvas.at(x, y), mix(first, second, tone / coverage), alpha);
    }
  }
}

}  // namespace

Canvas draw_background(std::uint64_t seed, std::uint64_t index, int size) {
  Canvas canvas{size, std::vector<Rgb>(static_cast<std::size_t>(size) * size)};
  Draws draws(seed, index, kClutterPurpose);
  draw_ground(canvas, draws, random_bits(random_bits(seed, index), kNoisePurpose));
  const int distractors = draws.between(2, 8);
  for (int i = 0; i < distractors; ++i) draw_distractor(canvas, draws);
  return canvas;
}

std::vector<std::uint8_t> expose(const Canvas& canvas, std::uint64_t seed, std::uint64_t index) {
  Draws draws(seed, index, kCameraPurpose);
  const double exposure = draws.uniform(0.7, 1.15), contrast = draws.uniform(0.75, 1.1);
  const double grain = draws.uniform(0, 0.07);
  const std::uint64_t grain_key = random_bits(random_bits(seed, index), kGrainPurpose);
  std::vector<std::uint8_t> rgb;
  rgb.reserve(3 * canvas.pixels.size());
  for (const Rgb& pixel : canvas.pixels) {
    for (const double component : {pixel.r, pixel.g, pixel.b}) {
      const double noise = 2 * random_uniform(grain_key, rgb.size()) - 1;
      const double level = (component * exposure - 0.5) * contrast + 0.5 + grain * noise;
      rgb.push_back(static_cast<std::uint8_t>(std::floor(255 * std::clamp(level, 0.0, 1.0) + 0.5)));
    }
  }
  return rgb;
}

}  // namespace backlight::scenes
