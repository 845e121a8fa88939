#include "engine/evaluate/occlusion.hpp"

#include "engine/evaluate/ranking.hpp"

namespace backlight {

std::optional<double> Occlusion::correlation() const { return spearman(map, drop); }

Occlusion occlusion(const Scorer& scorer, const Tensor& map, std::int64_t cells) {
  const std::int64_t height = scorer.height(), width = scorer.width();
  if (cells < 2 || cells > std::min(height, width))
    throw Error(ErrorKind::usage, cells, "×", cells, " patches of an input of ", height, "×", width,
                " were asked for, expected 2 or more, of a pixel at least");
  const std::vector<double> values = scorer.pixels_of(map);
  const auto for_each_pixel = [&](std::int64_t cell, auto&& fn) {
    const std::int64_t row = cell / cells, column = cell % cells;
    for (std::int64_t y = row * height / cells; y < (row + 1) * height / cells; ++y)
      for (std::int64_t x = column * width / cells; x < (column + 1) * width / cells; ++x)
        fn(static_cast<std::size_t>(y * width + x));
  };
  Occlusion result;
  for (std::int64_t cell = 0; cell < cells * cells; ++cell) {
    double sum = 0, count = 0;
    for_each_pixel(cell, [&](std::size_t i) { sum += values[i], ++count; });
    result.map.push_back(sum / count);
  }
  result.drop = scorer.values(Aim::score, cells * cells, [&](std::int64_t cell, std::span<double> x) {
    for (std::size_t plane = 0; plane < x.size(); plane += values.size())
      for_each_pixel(cell, [&](std::size_t i) { x[plane + i] = 0; });
  });
  for (double& v : result.drop) v = scorer.value(Aim::score) - v;
  return result;
}

}  // namespace backlight
