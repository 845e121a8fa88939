// The bytes of picture files.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "support/contains.hpp"

namespace backlight::test {

using Bytes = std::vector<std::uint8_t>;

inline const std::string kGoldenPictures = BACKLIGHT_SOURCE_DIR "/tests/golden/images/";

inline Bytes read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

}  // namespace backlight::test
