#include "models/language/world.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>

#include "models/scenes/background.hpp"
#include "models/scenes/draws.hpp"

namespace backlight::language {
namespace {

using scenes::Draws;
using scenes::Place;
using scenes::Rgb;

constexpr std::uint64_t kLayoutPurpose = 40, kObjectPurpose = 50;

Kind draw_kind(Draws& draws) {
  const double u = draws.uniform(0, 1);
  return u < 0.15   ? Kind::one
         : u < 0.5  ? Kind::pair
         : u < 0.75 ? Kind::triple
         : u < 0.88 ? Kind::twins
                    : Kind::triplets;
}

std::size_t count_of(Kind kind) {
  return kind == Kind::one ? 1 : kind == Kind::pair || kind == Kind::twins ? 2 : 3;
}

/// In shares of the picture's side.
double draw_radius(Draws& draws, std::size_t count, int size) {
  if (count == 1) return size == 0 ? draws.uniform(0.12, 0.15) : draws.uniform(0.22, 0.28);
  return draws.uniform(count == 2 ? 0.13 : 0.12, count == 2 ? 0.21 : 0.17);
}

bool is_clear(const Place& a, const Place& b) {
  const auto [less, more] = std::minmax({std::abs(a.x - b.x), std::abs(a.y - b.y)});
  return more >= 1.5 * less;
}

/// Where one more object fits, if a few attempts find it.
std::optional<Place> draw_place(Draws& draws, const Layout& layout, std::span<const Place> others) {
  const std::size_t count = count_of(layout.kind);
  const double radius = kSceneSize * draw_radius(draws, count, layout.size),
               margin = radius * scenes::kReach + 1;
  constexpr int kAttempts = 32;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const double x = draws.uniform(margin, kSceneSize - margin),
                 y = draws.uniform(margin, kSceneSize - margin);
    const Place place{x, y, radius};
    if (std::ranges::all_of(others, [&](const Place& other) {
          return are_apart(place, other) && (!layout.related() || is_clear(place, other));
        }))
      return place;
  }
  return {};
}

/// Begins anew where the first objects leave no room for the next.
std::vector<Place> draw_places(Draws& draws, const Layout& layout) {
  std::vector<Place> places;
  while (places.size() < count_of(layout.kind)) {
    if (const auto place = draw_place(draws, layout, places))
      places.push_back(*place);
    else
      places.clear();
  }
  return places;
}

/// A number below `count` for which `taken` is not set yet.
template <std::size_t count>
int draw_free(Draws& draws, std::array<bool, count>& taken) {
  auto drawn = static_cast<std::size_t>(draws.below(static_cast<int>(count)));
  while (taken[drawn]) drawn = (drawn + 1) % count;
  taken[drawn] = true;
  return static_cast<int>(drawn);
}

/// A light tone of a named colour.
Rgb draw_tone(Draws& draws, int colour) {
  constexpr std::array<double, 5> kHue{6, 1, 2.1, 3.9, 4.85}, kSpread{0.12, 0.12, 0.25, 0.25, 0.2};
  const auto c = static_cast<std::size_t>(colour);
  const bool white = c == kHue.size();
  const double hue = white ? draws.uniform(0, 6) : kHue[c] + kSpread[c] * draws.uniform(-1, 1);
  const double saturation = white ? draws.uniform(0, 0.06) : draws.uniform(0.75, 1);
  return scenes::from_hsv(hue, saturation, draws.uniform(white ? 0.9 : 0.75, 1));
}

}  // namespace

Layout lay_out(std::uint64_t seed, std::uint64_t index) {
  Draws draws(seed, index, kLayoutPurpose);
  Layout layout;
  layout.kind = draw_kind(draws);
  layout.size = draws.below(static_cast<int>(kSizes.size()));
  const std::vector<Place> places = draw_places(draws, layout);
  std::array<bool, kColours.size()> colours{};
  std::array<bool, kNouns.size()> nouns{};
  for (const Place& place : places) {
    const bool repeated = !layout.distinct() && !layout.objects.empty();
    const Thing thing = repeated
                            ? layout.objects.front().thing
                            : Thing{.colour = draw_free(draws, colours), .noun = draw_free(draws, nouns)};
    layout.objects.push_back({thing, place});
  }
  return layout;
}

Scene render(std::uint64_t seed, std::uint64_t index) {
  Scene scene{lay_out(seed, index), {}, {}};
  scenes::Canvas canvas = scenes::draw_background(seed, index, kSceneSize);
  for (std::size_t i = 0; i < scene.layout.objects.size(); ++i) {
    const auto& [thing, place] = scene.layout.objects[i];
    Draws draws(seed, index, kObjectPurpose + i);
    const Rgb light = draw_tone(draws, thing.colour), dark = scaled(light, draws.uniform(0.2, 0.4));
    scene.boxes.push_back(draw_object(canvas, draws, thing.noun, light, dark, place));
  }
  scene.image.width = scene.image.height = kSceneSize;
  scene.image.rgb = scenes::expose(canvas, seed, index);
  return scene;
}

Relation relation_of(const Place& a, const Place& b) {
  const double dx = a.x - b.x, dy = a.y - b.y;
  if (std::abs(dx) >= std::abs(dy)) return dx < 0 ? Relation::left : Relation::right;
  return dy < 0 ? Relation::above : Relation::below;
}

}  // namespace backlight::language
