// A measurement's page: words, tables and pictures in one file.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tools/backlight/result_json.hpp"

namespace backlight::tools {

struct DiagnosisPicture {
  std::string caption;
  std::vector<std::uint8_t> jpeg;
};

/// Words, then a table (none without titles), then pictures.
struct DiagnosisSection {
  std::string heading = {};  ///< of the first: the page's
  std::vector<std::string> paragraphs = {};
  std::vector<std::string> titles = {};
  std::vector<std::vector<std::string>> rows = {};
  std::vector<DiagnosisPicture> pictures = {};
};

/// HTML that opens from disk, with its pictures inside and no script. Whatever the texts are, they are shown as they
/// are.
std::string diagnosis_page(std::span<const DiagnosisSection> sections);

/// The tables for a terminal, a blank line between them.
std::string diagnosis_text(std::span<const DiagnosisSection> sections);

/// `0.532 ±0.041`, half of the interval, of `{value, low, high}`; `–` where there is no value.
std::string estimate_text(const Json& estimate, int decimals = 3);

}  // namespace backlight::tools
