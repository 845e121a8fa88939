#include "tools/report/templates.hpp"

#include "tools/backlight/embed.hpp"

// The folder comes from the build; see CMakeLists.txt.
BACKLIGHT_EMBED(backlight_report_page_html, BACKLIGHT_REPORT_FOLDER "/page.html");
BACKLIGHT_EMBED(backlight_report_card_html, BACKLIGHT_REPORT_FOLDER "/card.html");
BACKLIGHT_EMBED(backlight_report_page_css, BACKLIGHT_REPORT_FOLDER "/page.css");
BACKLIGHT_EMBED(backlight_report_page_js, BACKLIGHT_REPORT_FOLDER "/page.js");

namespace backlight::tools {
namespace {

std::string_view text_between(const std::uint8_t* begin, const std::uint8_t* end) {
  return {reinterpret_cast<const char*>(begin), static_cast<std::size_t>(end - begin)};
}

}  // namespace

std::string_view page_html() {
  return text_between(backlight_report_page_html_begin, backlight_report_page_html_end);
}
std::string_view card_html() {
  return text_between(backlight_report_card_html_begin, backlight_report_card_html_end);
}
std::string_view page_css() {
  return text_between(backlight_report_page_css_begin, backlight_report_page_css_end);
}
std::string_view page_js() {
  return text_between(backlight_report_page_js_begin, backlight_report_page_js_end);
}

}  // namespace backlight::tools
