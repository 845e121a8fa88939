// Numbers in names and in what people write.
#pragma once

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

namespace backlight::weights {

/// The number that `text` is, all of it.
template <class T>
std::optional<T> number_in(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// The number that the part of a path is, if it has at most three digits: no network has more modules in one.
inline std::optional<int> module_number(std::string_view part) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return part.size() <= 3 && std::ranges::all_of(part, is_digit) ? number_in<int>(part) : std::nullopt;
}

}  // namespace backlight::weights
