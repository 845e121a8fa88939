#include "tools/backlight/help.hpp"

#include <sstream>

namespace backlight::tools {
namespace {

constexpr std::size_t kWidth = 100;

/// `text` broken at spaces. CLI11 puts every line at column `indent`.
std::string wrapped(const std::string& text, std::size_t indent) {
  std::istringstream words(text);
  std::string out, word;
  std::size_t column = indent;
  while (words >> word) {
    if (!out.empty()) {
      const bool fits = column + 1 + word.size() <= kWidth;
      out += fits ? " " : "\n";
      column = fits ? column + 1 : indent;
    }
    out += word;
    column += word.size();
  }
  return out;
}

}  // namespace

std::string HelpFormatter::make_option_opts(const CLI::Option* option) const {
  if (option->get_type_size() == 0 || option->get_positional()) return "";
  const std::string& text = option->get_option_text();
  return " " + (text.empty() ? option->get_type_name() : text);
}

std::string HelpFormatter::make_option_desc(const CLI::Option* option) const {
  const std::string& value = option->get_default_str();
  return wrapped(option->get_description() + (value.empty() ? "" : " [" + value + "]"), kColumn);
}

}  // namespace backlight::tools
