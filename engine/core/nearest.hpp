// Near matches for a mistyped name: what an error message suggests.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace backlight {

/// Edits (insert, delete, replace, swap neighbours; ASCII case ignored) that turn `a` into `b`: the
/// restricted Damerau–Levenshtein distance. Only the first 128 bytes of each are compared.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// At most `count` candidates that resemble `name`, the nearest first, ties in the given order. A candidate
/// resembles it when a third of its bytes or fewer must be edited (always two), or when one contains the
/// other.
std::vector<std::string> nearest_names(std::string_view name, std::span<const std::string> candidates,
                                       std::size_t count = 3);

/// ` (did you mean "a" or "b"?)`, or nothing where no candidate resembles `name`.
std::string did_you_mean(std::string_view name, std::span<const std::string> candidates,
                         std::size_t count = 3);

}  // namespace backlight
