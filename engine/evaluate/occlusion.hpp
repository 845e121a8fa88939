// Occlusion correlation (the Grad-CAM paper, section 5.3): whether a map is strong where a patch costs the class.
#pragma once

#include <optional>
#include <vector>

#include "engine/evaluate/scorer.hpp"

namespace backlight {

/// Of cells×cells patches, row by row.
struct Occlusion {
  std::vector<double> drop;  ///< of the class's score (before softmax) where the patch hides the picture
  std::vector<double> map;   ///< the map's mean over the patch

  /// Spearman's, equals with mean ranks; nothing where one of the two is constant.
  std::optional<double> correlation() const;
};

/// The paper's main text names neither patch nor stride nor fill; here patch = stride = 1/14 of the input (16 pixels at
/// 224, one cell of VGG's last map), from pixel ⌊i·side/cells⌋ to ⌊(i+1)·side/cells⌋, and the fill is zeros: the mean
/// colour of a normalised input. Throws Error(usage) for cells smaller than a pixel or fewer than two, and as
/// Scorer::pixels_of.
Occlusion occlusion(const Scorer& scorer, const Tensor& map, std::int64_t cells = 14);

}  // namespace backlight
