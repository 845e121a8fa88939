#include "tools/backlight/fonts.hpp"

// The paths come from the build; see CMakeLists.txt.
#define EMBED(symbol, path)            \
  asm(".pushsection .rodata\n"         \
      ".global " #symbol               \
      "_begin\n"                       \
      ".global " #symbol               \
      "_end\n"                         \
      ".hidden " #symbol               \
      "_begin\n"                       \
      ".hidden " #symbol               \
      "_end\n"                         \
      ".balign 16\n" #symbol           \
      "_begin:\n"                      \
      ".incbin \"" path "\"\n" #symbol \
      "_end:\n"                        \
      ".popsection\n");                \
  extern "C" const std::uint8_t symbol##_begin[], symbol##_end[]

EMBED(backlight_font_regular, BACKLIGHT_FONT_REGULAR);
EMBED(backlight_font_bold, BACKLIGHT_FONT_BOLD);

namespace backlight {

std::span<const std::uint8_t> dejavu_sans() {
  return {backlight_font_regular_begin, backlight_font_regular_end};
}
std::span<const std::uint8_t> dejavu_sans_bold() {
  return {backlight_font_bold_begin, backlight_font_bold_end};
}

}  // namespace backlight
