// The files of which a report's page is made.
#pragma once

#include <string_view>

namespace backlight::tools {

std::string_view page_html();
std::string_view card_html();
std::string_view page_css();
std::string_view page_js();

}  // namespace backlight::tools
