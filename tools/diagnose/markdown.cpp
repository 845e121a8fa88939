#include "tools/diagnose/markdown.hpp"

#include "tools/backlight/console.hpp"
#include "tools/backlight/scores.hpp"

namespace backlight::tools {

std::string markdown_escaped(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    if (std::string_view("\\`*_{}[]<>()#+-.!|&~").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string markdown_table(const std::vector<std::string>& titles,
                           const std::vector<std::vector<std::string>>& rows) {
  const auto line = [](const std::vector<std::string>& cells) {
    std::string out = "|";
    for (const std::string& cell : cells) out += " " + cell + " |";
    return out + "\n";
  };
  std::string out = line(titles) + line(std::vector<std::string>(titles.size(), "---"));
  for (const std::vector<std::string>& row : rows) out += line(row);
  return out;
}

std::string estimate_text(const Json& estimate, int decimals) {
  if (estimate["value"].is_null()) return "-";
  std::string out = decimal(estimate["value"], decimals);
  if (!estimate["low"].is_null())
    out += " ±" + decimal((estimate["high"].get<double>() - estimate["low"].get<double>()) / 2, decimals);
  return out;
}

}  // namespace backlight::tools
