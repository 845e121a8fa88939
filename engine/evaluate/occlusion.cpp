#include "engine/evaluate/occlusion.hpp"

#include <algorithm>

#include "engine/evaluate/ranking.hpp"

namespace backlight {

template <class Fn>
void Occlusion::for_each_pixel(std::int64_t patch, Fn&& fn) const {
  const std::int64_t height = scorer_.height(), width = scorer_.width(), row = patch / cells_,
                     column = patch % cells_;
  for (std::int64_t y = row * height / cells_; y < (row + 1) * height / cells_; ++y)
    for (std::int64_t x = column * width / cells_; x < (column + 1) * width / cells_; ++x)
      fn(static_cast<std::size_t>(y * width + x));
}

Occlusion::Occlusion(const Scorer& scorer, std::int64_t cells) : scorer_(scorer), cells_(cells) {
  if (cells < 2 || cells > std::min(scorer.height(), scorer.width()))
    throw Error(ErrorKind::usage, cells, "×", cells, " patches of an input of ", scorer.height(), "×",
                scorer.width(), " were asked for, expected 2 or more, of a pixel at least");
  const auto pixels = static_cast<std::size_t>(scorer.pixels());
  drops_ = scorer.values(Aim::score, cells * cells, [&](std::int64_t patch, std::span<double> x) {
    for (std::size_t plane = 0; plane < x.size(); plane += pixels)
      for_each_pixel(patch, [&](std::size_t i) { x[plane + i] = 0; });
  });
  for (double& v : drops_) v = scorer.value(Aim::score) - v;
}

std::optional<double> Occlusion::correlation(const Tensor& map) const {
  const std::vector<double> values = scorer_.pixels_of(map);
  std::vector<double> means;
  for (std::int64_t patch = 0; patch < cells_ * cells_; ++patch) {
    double sum = 0, count = 0;
    for_each_pixel(patch, [&](std::size_t i) { sum += values[i], ++count; });
    means.push_back(sum / count);
  }
  return spearman(means, drops_);
}

}  // namespace backlight
