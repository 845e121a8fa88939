// Whether a message has these words.
#pragma once

#include <string_view>

namespace backlight::test {

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace backlight::test
