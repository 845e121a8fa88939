#include "models/language/drawn.hpp"

#include <utility>

#include "models/scenes/batch.hpp"

namespace backlight::language {

std::vector<Scene> render_all(const Context& context, std::uint64_t seed,
                              std::span<const std::uint64_t> indices) {
  std::vector<Scene> scenes(indices.size());
  context.parallel_for(std::ssize(indices), [&](std::int64_t i, int) {
    scenes[static_cast<std::size_t>(i)] = render(seed, indices[static_cast<std::size_t>(i)]);
  });
  return scenes;
}

Tensor input_of(Context& context, std::vector<Scene>& scenes) {
  std::vector<Image> images;
  for (Scene& scene : scenes) images.push_back(std::move(scene.image));
  return scenes::to_input(context, images);
}

}  // namespace backlight::language
