#include "tools/study/templates.hpp"

#include "tools/backlight/embed.hpp"

namespace backlight::tools {

// The folder comes from the build; see CMakeLists.txt.
BACKLIGHT_EMBED_TEXT(study_html, backlight_study_page_html, BACKLIGHT_STUDY_FOLDER "/page.html")
BACKLIGHT_EMBED_TEXT(study_css, backlight_study_page_css, BACKLIGHT_STUDY_FOLDER "/page.css")
BACKLIGHT_EMBED_TEXT(study_js, backlight_study_page_js, BACKLIGHT_STUDY_FOLDER "/page.js")

}  // namespace backlight::tools
