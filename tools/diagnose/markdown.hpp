// Pages of Markdown beside their pictures.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/backlight/result_json.hpp"

namespace backlight::tools {

/// Text that no reader takes for Markdown or HTML: its signs behind backslashes, control characters as `?`.
std::string markdown_escaped(std::string_view text);

/// A table under its titles; cells are Markdown.
std::string markdown_table(const std::vector<std::string>& titles,
                           const std::vector<std::vector<std::string>>& rows);

/// `0.532 ±0.041`, half of the interval, of `{value, low, high}`; `-` where there is no value.
std::string estimate_text(const Json& estimate, int decimals = 3);

}  // namespace backlight::tools
