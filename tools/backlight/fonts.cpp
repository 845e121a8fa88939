#include "tools/backlight/fonts.hpp"

#include "tools/backlight/embed.hpp"

// The paths come from the build; see CMakeLists.txt.
BACKLIGHT_EMBED(backlight_font_regular, BACKLIGHT_FONT_REGULAR);
BACKLIGHT_EMBED(backlight_font_bold, BACKLIGHT_FONT_BOLD);

namespace backlight {

std::span<const std::uint8_t> dejavu_sans() {
  return {backlight_font_regular_begin, backlight_font_regular_end};
}
std::span<const std::uint8_t> dejavu_sans_bold() {
  return {backlight_font_bold_begin, backlight_font_bold_end};
}

}  // namespace backlight
