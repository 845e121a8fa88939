// The bytes of picture files.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace backlight::test {

using Bytes = std::vector<std::uint8_t>;

inline const std::string kGoldenPictures = BACKLIGHT_SOURCE_DIR "/tests/golden/images/";

inline Bytes read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

inline bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace backlight::test
