// Occlusion correlation (the Grad-CAM paper, section 5.3): whether a map is strong where a patch costs the class.
#pragma once

#include <optional>
#include <vector>

#include "engine/evaluate/scorer.hpp"

namespace backlight {

/// What cells×cells patches cost the class, which no map changes: made once, it serves all maps of a class.
class Occlusion {
 public:
  /// The paper's main text names neither patch nor stride nor fill; here patch = stride = 1/14 of the input (16 pixels at
  /// 224, one cell of VGG's last map), from pixel ⌊i·side/cells⌋ to ⌊(i+1)·side/cells⌋, and the fill is zeros: the mean
  /// colour of a normalised input. The scorer must outlive this. Throws Error(usage) for cells smaller than a pixel or
  /// fewer than two.
  explicit Occlusion(const Scorer& scorer, std::int64_t cells = 14);

  /// How much lower the class's score (before softmax) is where the patch hides the picture; patches row by row.
  const std::vector<double>& drops() const { return drops_; }
  /// Spearman's, of the drops and the map's means over the patches, equals with mean ranks; nothing where one of the two
  /// is constant. Throws as Scorer::pixels_of.
  std::optional<double> correlation(const Tensor& map) const;

 private:
  /// fn(pixel) for every pixel of a patch.
  template <class Fn>
  void for_each_pixel(std::int64_t patch, Fn&& fn) const;

  const Scorer& scorer_;
  std::int64_t cells_;
  std::vector<double> drops_;
};

}  // namespace backlight
