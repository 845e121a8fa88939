// The ten classes: an outline and a texture each, in coordinates in which the object fills the unit disc.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace backlight::scenes {

inline constexpr int kClasses = 10;

/// What a person would call them, in the order of the network's outputs.
inline constexpr std::array<std::string_view, kClasses> kClassNames = {
    "striped disc", "checkered square", "dotted triangle", "ring",  "cross",
    "star",         "crescent",         "speckled heart",  "arrow", "latticed hexagon"};

/// The texture of the class at (u, v), u to the right and v down: 0 is the object's first colour, 1 its
/// second. Nothing outside the outline. `grain` picks among speckle patterns. No outline reaches beyond
/// kReach.
std::optional<double> sample_shape(int shape, double u, double v, std::uint64_t grain);

/// The largest distance of a point of any outline from the origin.
inline constexpr double kReach = 1.07;

}  // namespace backlight::scenes
