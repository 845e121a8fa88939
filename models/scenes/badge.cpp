#include "models/scenes/badge.hpp"

#include <algorithm>
#include <cmath>

#include "models/scenes/object.hpp"
#include "models/scenes/shapes.hpp"

namespace backlight::scenes {
namespace {

constexpr std::uint64_t kPartsPurpose = 40, kCuePurpose = 41, kBadgePurpose = 42;
/// In kClassNames.
constexpr std::array kCueShapes = {4, 5};
/// Hues in sixths of the circle.
constexpr std::array kBadgeHues = {0.45, 3.65};

struct Parts {
  Place cue, badge;
};

/// Radii shrink a little with every failed attempt, so that an arrangement is always found.
Parts place_parts(Draws& draws, int size) {
  for (double shrink = 1;; shrink *= 0.97) {
    const auto place = [&](double smallest, double largest) {
      const double radius = size * draws.uniform(smallest, largest) * shrink, margin = radius * kReach + 1;
      return Place{draws.uniform(margin, size - margin), draws.uniform(margin, size - margin), radius};
    };
    const Parts parts{place(0.15, 0.21), place(0.1, 0.13)};
    if (are_apart(parts.cue, parts.badge)) return parts;
  }
}

/// A disc with a light rim, with a 4×4 grid of samples a pixel.
Box draw_badge(Canvas& canvas, const Rgb& colour, const Place& place) {
  constexpr int kGrid = 4, kSamples = kGrid * kGrid;
  constexpr double kRim = 0.8;
  const int left = static_cast<int>(std::floor(place.x - place.radius));
  const int right = static_cast<int>(std::ceil(place.x + place.radius));
  const int top = static_cast<int>(std::floor(place.y - place.radius));
  const int bottom = static_cast<int>(std::ceil(place.y + place.radius));
  Box box{static_cast<double>(right), static_cast<double>(bottom), static_cast<double>(left),
          static_cast<double>(top)};
  for (int y = top; y < bottom; ++y)
    for (int x = left; x < right; ++x) {
      int covered = 0, inner = 0;
      for (int i = 0; i < kSamples; ++i) {
        const double dx = x + (i % kGrid + 0.5) / kGrid - place.x;
        const double dy = y + (i / kGrid + 0.5) / kGrid - place.y;
        const double r = std::sqrt(dx * dx + dy * dy) / place.radius;
        covered += r < 1;
        inner += r < kRim;
      }
      if (covered == 0) continue;
      const Rgb drawn = mix({0.95, 0.95, 0.95}, colour, static_cast<double>(inner) / covered);
      canvas.at(x, y) = mix(canvas.at(x, y), drawn, static_cast<double>(covered) / kSamples);
      box = {std::min(box.x0, double(x)), std::min(box.y0, double(y)), std::max(box.x1, x + 1.0),
             std::max(box.y1, y + 1.0)};
    }
  return box;
}

}  // namespace

BadgeScene render_badge_scene(std::uint64_t seed, std::uint64_t index, const Agreement& agreement, int size) {
  if (size < 32 || size > 1024)
    throw Error(ErrorKind::usage, "a scene of ", size, " pixels was asked for, expected 32 to 1024");
  for (const double share : agreement)
    if (!(share >= 0 && share <= 1))
      throw Error(ErrorKind::usage, "an agreement of ", share, " was asked for, expected 0 to 1");

  BadgeScene scene;
  scene.label = static_cast<int>(index % 2);
  const double share = agreement[index % 2], before = static_cast<double>(index / 2);
  const bool agrees = std::floor((before + 1) * share) > std::floor(before * share);
  scene.badge = agrees ? scene.label : 1 - scene.label;

  Canvas canvas = draw_background(seed, index, size);
  Draws layout(seed, index, kPartsPurpose);
  const Parts parts = place_parts(layout, size);
  Draws cue(seed, index, kCuePurpose);
  const Rgb first = random_colour(cue), second = contrasting_colour(cue, first);
  scene.cue =
      draw_object(canvas, cue, kCueShapes[static_cast<std::size_t>(scene.label)], first, second, parts.cue);
  Draws badge(seed, index, kBadgePurpose);
  const double hue = kBadgeHues[static_cast<std::size_t>(scene.badge)] + badge.uniform(-0.25, 0.25);
  scene.badge_box =
      draw_badge(canvas, from_hsv(hue, badge.uniform(0.75, 1), badge.uniform(0.75, 1)), parts.badge);
  scene.image.width = scene.image.height = size;
  scene.image.rgb = expose(canvas, seed, index);
  return scene;
}

}  // namespace backlight::scenes
