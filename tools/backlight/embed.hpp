// Files of the source tree that become part of the program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

/// Declares `symbol`_begin and `symbol`_end around the bytes of a file, whose path the build gives. The source that
/// does this names the file in its OBJECT_DEPENDS.
#define BACKLIGHT_EMBED(symbol, path)  \
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

/// The same for a text, and std::string_view function(), which gives it.
#define BACKLIGHT_EMBED_TEXT(function, symbol, path)                  \
  BACKLIGHT_EMBED(symbol, path);                                      \
  std::string_view function() {                                       \
    return {reinterpret_cast<const char*>(symbol##_begin),            \
            static_cast<std::size_t>(symbol##_end - symbol##_begin)}; \
  }
