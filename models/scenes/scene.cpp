#include "models/scenes/scene.hpp"

#include "models/scenes/object.hpp"

namespace backlight::scenes {
namespace {

constexpr std::uint64_t kObjectPurpose = 10, kLayoutPurpose = 20;

/// Centres and radii of discs that stay apart and within the picture. The discs shrink a little with every
/// failed attempt, so that an arrangement is always found.
std::vector<Place> lay_out(Draws& draws, int count, int size) {
  const double smallest = 0.14, largest = count == 1 ? 0.3 : count == 2 ? 0.23 : 0.18;
  for (double shrink = 1;; shrink *= 0.97) {
    std::vector<Place> places;
    for (int i = 0; i < count; ++i) {
      const double radius = size * draws.uniform(smallest, largest) * shrink;
      const double margin = radius * kReach + 1;
      places.push_back({draws.uniform(margin, size - margin), draws.uniform(margin, size - margin), radius});
    }
    bool apart = true;
    for (std::size_t i = 0; i < places.size(); ++i)
      for (std::size_t j = 0; j < i; ++j) apart = apart && are_apart(places[i], places[j]);
    if (apart) return places;
  }
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
    const Rgb first = random_colour(draws), second = contrasting_colour(draws, first);
    scene.objects.push_back(
        {label, draw_object(canvas, draws, label, first, second, places[static_cast<std::size_t>(i)])});
  }
  scene.image.width = scene.image.height = options.size;
  scene.image.rgb = expose(canvas, seed, index);
  return scene;
}

}  // namespace backlight::scenes
