// A table of text columns.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace backlight::tools {

/// Code points of UTF-8 text, which is how many columns a terminal gives to names and shapes.
std::size_t width_of(std::string_view text);

class Table {
 public:
  explicit Table(std::vector<std::string> titles) { add(std::move(titles)); }

  void align_right(std::size_t column) { right_.push_back(column); }
  /// One cell per title. Control characters are replaced.
  void add(std::vector<std::string> cells);
  /// Columns as wide as their widest cell, two spaces apart; no space at the ends of lines.
  std::string str() const;

 private:
  std::vector<std::vector<std::string>> rows_;
  std::vector<std::size_t> right_;
};

}  // namespace backlight::tools
