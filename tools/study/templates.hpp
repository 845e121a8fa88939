// The files of which a study's pages are made.
#pragma once

#include <string_view>

namespace backlight::tools {

std::string_view study_html();
std::string_view study_css();
std::string_view study_js();

}  // namespace backlight::tools
