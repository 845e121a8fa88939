#include "models/scenes/scene.hpp"

#include <algorithm>
#include <cmath>

#include "models/scenes/background.hpp"
#include "models/scenes/draws.hpp"

namespace backlight::scenes {
namespace {

constexpr std::uint64_t kObjectPurpose = 10, kLayoutPurpose = 20;

struct Place {
  double x = 0, y = 0, radius = 0;
};

/// Centres and radii of discs that stay apart and within the picture. The discs shrink a little with every
/// failed attempt, so that an arrangement is always found.
std::vector<Place> lay_out(Draws& draws, int count, int size) {
  constexpr double kGap = 2;
  const double smallest = 0.14, largest = count == 1 ? 0.3 : count == 2 ? 0.23 : 0.18;
  for (double shrink = 1;; shrink *= 0.97) {
    std::vector<Place> places;
    for (int i = 0; i < count; ++i) {
      const double radius = size * draws.uniform(smallest, largest) * shrink;
      const double margin = radius * kReach + 1;
      places.push_back({draws.uniform(margin, size - margin), draws.uniform(margin, size - margin), radius});
    }
    bool apart = true;
    for (int i = 0; i < count; ++i)
      for (int j = 0; j < i; ++j) {
        const auto &a = places[static_cast<std::size_t>(i)], &b = places[static_cast<std::size_t>(j)];
        const double distance = (a.radius + b.radius) * kReach + kGap;
        // The squares around the discs stay apart, hence the boxes.
        apart = apart && (std::abs(a.x - b.x) >= distance || std::abs(a.y - b.y) >= distance);
      }
    if (apart) return places;
  }
}

/// Draws the object over the canvas with a 4×4 grid of samples a pixel.
Box draw_object(Canvas& canvas, Draws& draws, int label, const Place& place) {
  const Rgb first = random_colour(draws), second = contrasting_colour(draws, first);
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
        if (const auto sample = sample_shape(label, u, v, grain)) {
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

}  // namespace

Scene render_scene(std::uint64_t seed, std::uint64_t index, const SceneOptions& options) {
  if (options.size < 96 || options.size > 1024)
    throw Error(ErrorKind::usage, "a scene of ", options.size, " pixels was asked for, expected 96 to 1024");
  if (options.min_objects < 0 || options.min_objects > options.max_objects || options.max_objects > 3)
    throw Error(ErrorKind::usage, "a scene of ", options.min_objects, " to ", options.max_objects,
                " objects was asked for, expected 0 to 3");

  Canvas canvas = draw_background(seed, index, options.size);
  Draws layout(seed, index, kLayoutPurpose);
  const int count = layout.between(options.min_objects, options.max_objects);
  const std::vector<Place> places = lay_out(layout, count, options.size);

  Scene scene;
  std::array<bool, kClasses> taken{};
  for (int i = 0; i < count; ++i) {
    int label = layout.below(kClasses);
    while (taken[static_cast<std::size_t>(label)]) label = (label + 1) % kClasses;
    taken[static_cast<std::size_t>(label)] = true;
    Draws draws(seed, index, kObjectPurpose + static_cast<std::uint64_t>(i));
    scene.objects.push_back({label, draw_object(canvas, draws, label, places[static_cast<std::size_t>(i)])});
  }
  scene.image.width = scene.image.height = options.size;
  scene.image.rgb = expose(canvas, seed, index);
  return scene;
}

}  // namespace backlight::scenes
