#include "tools/report/templates.hpp"

#include "tools/backlight/embed.hpp"

namespace backlight::tools {

// The folder comes from the build; see CMakeLists.txt.
BACKLIGHT_EMBED_TEXT(page_html, backlight_report_page_html, BACKLIGHT_REPORT_FOLDER "/page.html")
BACKLIGHT_EMBED_TEXT(card_html, backlight_report_card_html, BACKLIGHT_REPORT_FOLDER "/card.html")
BACKLIGHT_EMBED_TEXT(page_css, backlight_report_page_css, BACKLIGHT_REPORT_FOLDER "/page.css")
BACKLIGHT_EMBED_TEXT(page_js, backlight_report_page_js, BACKLIGHT_REPORT_FOLDER "/page.js")

}  // namespace backlight::tools
