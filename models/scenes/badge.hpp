// Scenes of two parts in different places, to see which of them a network looks at: the cue, a shape that defines the
// class, and the badge, a coloured disc that often agrees with it.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "engine/image/geometry.hpp"
#include "engine/image/image.hpp"

namespace backlight::scenes {

/// Of the cue, by label, and of the badge that agrees with it.
inline constexpr std::array<std::string_view, 2> kCueNames = {"cross", "star"};
inline constexpr std::array<std::string_view, 2> kBadgeNames = {"orange", "blue"};

struct BadgeScene {
  Image image;
  int label = 0;       ///< of the cue: index into kCueNames
  int badge = 0;       ///< index into kBadgeNames
  Box cue, badge_box;  ///< around every pixel that the part covers at least in part

  bool agrees() const { return label == badge; }
};

/// In how many of a class's scenes the badge agrees, by label.
using Agreement = std::array<double, 2>;

/// Scene `index` of a set without end, a pure function of its arguments: labels take turns, and of the first n scenes
/// of a label, by any n, ⌊n·agreement⌋ agree. Everything but the badge's colour depends on seed and index alone: the
/// parts' places, sizes and rotation, the cue's colours, the background. `size`: of the picture in pixels, 32 to
/// 1024. Throws Error(usage) for another size and for an agreement outside 0…1.
BadgeScene render_badge_scene(std::uint64_t seed, std::uint64_t index, const Agreement& agreement, int size);

}  // namespace backlight::scenes
