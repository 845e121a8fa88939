// Text in pictures: UTF-8 in a TrueType font, measured, fitted and drawn.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/image/image.hpp"
#include "kernels/colormap/colormap.hpp"

namespace backlight {

/// The code points of UTF-8 text; broken sequences become U+FFFD, line breaks and other controls a space.
std::u32string code_points(std::string_view utf8);

class Font {
 public:
  /// `ttf` must outlive the font. Throws Error(internal) when it is no TrueType font.
  explicit Font(std::span<const std::uint8_t> ttf);
  ~Font();
  Font(Font&&) noexcept;
  Font& operator=(Font&&) noexcept;

  /// Whether the font has every character, and what draws one after the other from the left writes the
  /// script: false for Arabic, Hebrew, Devanagari and others that join, reorder or run from the right.
  bool can_draw(std::string_view utf8) const;
  /// Width in pixels at a size of `size` pixels per em.
  double width(std::string_view utf8, double size) const;
  /// Height of capital letters in pixels, for centring.
  double cap_height(double size) const;
  /// Draws from `x` rightwards on `baseline`; what lies beyond the picture is cut.
  void draw(Image& image, double x, double baseline, std::string_view utf8, double size, Rgb color) const;

  /// The text, or as much of its beginning as fits, then an ellipsis.
  std::string ellipsised(std::string_view utf8, double size, double max_width) const;
  /// The text in at most `max_lines` lines, broken at spaces; the last one is ellipsised.
  std::vector<std::string> wrapped(std::string_view utf8, double size, double max_width, int max_lines) const;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace backlight
