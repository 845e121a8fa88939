#include "tools/study/templates.hpp"

#include "tools/backlight/embed.hpp"

// The folder comes from the build; see CMakeLists.txt.
BACKLIGHT_EMBED(backlight_study_page_html, BACKLIGHT_STUDY_FOLDER "/page.html");
BACKLIGHT_EMBED(backlight_study_page_css, BACKLIGHT_STUDY_FOLDER "/page.css");
BACKLIGHT_EMBED(backlight_study_page_js, BACKLIGHT_STUDY_FOLDER "/page.js");

namespace backlight::tools {
namespace {

std::string_view text_of_file(const std::uint8_t* begin, const std::uint8_t* end) {
  return {reinterpret_cast<const char*>(begin), static_cast<std::size_t>(end - begin)};
}

}  // namespace

std::string_view study_html() {
  return text_of_file(backlight_study_page_html_begin, backlight_study_page_html_end);
}
std::string_view study_css() {
  return text_of_file(backlight_study_page_css_begin, backlight_study_page_css_end);
}
std::string_view study_js() {
  return text_of_file(backlight_study_page_js_begin, backlight_study_page_js_end);
}

}  // namespace backlight::tools
