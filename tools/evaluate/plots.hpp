// Curves of a result as pictures.
#pragma once

#include <map>
#include <string>

#include "tools/backlight/result_json.hpp"

namespace backlight::tools {

/// One SVG for each measure and curve of what results_json gives, a line for each method, by the name of its file:
/// `insertion.svg`, `road-morf.svg`. Complete by themselves: no script, no font, no link.
std::map<std::string, std::string> curve_plots(const Json& results);

}  // namespace backlight::tools
