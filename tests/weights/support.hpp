// What the tests of weights/ share.
#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "engine/core/error.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"

namespace backlight::test {

inline std::filesystem::path golden_file(const std::string& name) {
  return std::filesystem::path(BACKLIGHT_SOURCE_DIR) / "tests/golden/checkpoints" / name;
}

/// Whether a message has these words; shows both where not.
inline bool says(const std::string& why, const std::string& words) {
  CAPTURE(why);
  CAPTURE(words);
  return why.find(words) != std::string::npos;
}

inline void write_file(const std::filesystem::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Bytes with nothing behind them that could be read unnoticed.
inline std::vector<std::byte> in_memory(const std::string& content) {
  const auto* first = reinterpret_cast<const std::byte*>(content.data());
  return {first, first + content.size()};
}

}  // namespace backlight::test
