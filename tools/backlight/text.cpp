#include "tools/backlight/text.hpp"

#include <algorithm>
#include <cmath>

#define STB_TRUETYPE_IMPLEMENTATION
#define STBTT_STATIC
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_truetype.h>
#pragma GCC diagnostic pop

namespace backlight {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

std::string utf8(std::u32string_view text) {
  std::string out;
  for (const char32_t c : text) {
    const auto byte = [&](char32_t lead, int shift) { out += static_cast<char>(lead | (c >> shift & 0x3F)); };
    if (c < 0x80) {
      out += static_cast<char>(c);
    } else if (c < 0x800) {
      byte(0xC0, 6);
      byte(0x80, 0);
    } else if (c < 0x10000) {
      out += static_cast<char>(0xE0 | c >> 12);
      byte(0x80, 6);
      byte(0x80, 0);
    } else {
      out += static_cast<char>(0xF0 | c >> 18);
      byte(0x80, 12);
      byte(0x80, 6);
      byte(0x80, 0);
    }
  }
  return out;
}

}  // namespace

std::u32string code_points(std::string_view text) {
  std::u32string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i++]);
    const int more = lead < 0x80 ? 0 : lead >> 5 == 6 ? 1 : lead >> 4 == 14 ? 2 : lead >> 3 == 30 ? 3 : -1;
    char32_t c = more < 0 ? kReplacement : more == 0 ? lead : lead & (0x3F >> more);
    for (int k = 0; k < more; ++k) {
      if (i >= text.size() || (text[i] & 0xC0) != 0x80) {
        c = kReplacement;
        break;
      }
      c = c << 6 | (text[i++] & 0x3F);
    }
    const bool control = c < 0x20 || c == 0x7F;
    out += c > 0x10FFFF ? kReplacement : control ? U' ' : c;
  }
  return out;
}

struct Font::Implementation {
  stbtt_fontinfo info{};

  float scale(double size) const { return stbtt_ScaleForMappingEmToPixels(&info, static_cast<float>(size)); }

  /// Calls visit(glyph, x) for each code point and returns the width, both in pixels.
  template <class Visit>
  double lay_out(std::u32string_view text, double size, Visit visit) const {
    double x = 0;
    int previous = 0;
    for (const char32_t c : text) {
      const int glyph = stbtt_FindGlyphIndex(&info, static_cast<int>(c));
      int advance = 0;
      stbtt_GetGlyphHMetrics(&info, glyph, &advance, nullptr);
      if (previous) x += scale(size) * static_cast<float>(stbtt_GetGlyphKernAdvance(&info, previous, glyph));
      visit(glyph, x);
      x += scale(size) * static_cast<float>(advance);
      previous = glyph;
    }
    return x;
  }

  double width(std::u32string_view text, double size) const {
    return lay_out(text, size, [](int, double) {});
  }
};

Font::Font(std::span<const std::uint8_t> ttf) : implementation_(std::make_unique<Implementation>()) {
  if (ttf.empty() || !stbtt_InitFont(&implementation_->info, ttf.data(), 0))
    throw Error(ErrorKind::internal, "the embedded font of ", ttf.size(), " bytes is not a TrueType font");
}

Font::~Font() = default;
Font::Font(Font&&) noexcept = default;
Font& Font::operator=(Font&&) noexcept = default;

bool Font::can_draw(std::string_view text) const {
  struct Block {
    char32_t first, last;
  };
  // Right to left; Indic to Khmer; Mongolian; Balinese and others; Indic again; presentation forms; beyond
  // the BMP.
  constexpr Block kShaped[] = {{0x0590, 0x08FF}, {0x0900, 0x109F}, {0x1780, 0x18AF}, {0x1900, 0x1CFF},
                               {0xA800, 0xABFF}, {0xFB1D, 0xFDFF}, {0xFE70, 0xFEFE}, {0x10800, 0x11FFF}};
  return std::ranges::all_of(code_points(text), [&](char32_t c) {
    const bool shaped =
        std::ranges::any_of(kShaped, [&](const Block& b) { return c >= b.first && c <= b.last; });
    return !shaped && stbtt_FindGlyphIndex(&implementation_->info, static_cast<int>(c)) != 0;
  });
}

double Font::width(std::string_view text, double size) const {
  return implementation_->width(code_points(text), size);
}

double Font::cap_height(double size) const {
  int top = 0;
  stbtt_GetCodepointBox(&implementation_->info, 'H', nullptr, nullptr, nullptr, &top);
  return double{implementation_->scale(size)} * top;
}

void Font::draw(Image& image, double x, double baseline, std::string_view text, double size,
                Rgb color) const {
  require_pixels(image, "text");
  const float scale = implementation_->scale(size);
  implementation_->lay_out(code_points(text), size, [&](int glyph, double offset) {
    const double left = x + offset;
    const auto whole_x = static_cast<int>(std::floor(left)),
               whole_y = static_cast<int>(std::lround(baseline));
    const auto shift = static_cast<float>(left - whole_x);
    int x0 = 0, y0 = 0, x1 = 0, y1 = 0;
    stbtt_GetGlyphBitmapBoxSubpixel(&implementation_->info, glyph, scale, scale, shift, 0, &x0, &y0, &x1,
                                    &y1);
    if (x1 <= x0 || y1 <= y0) return;
    const int width = x1 - x0, height = y1 - y0;
    std::vector<std::uint8_t> coverage(static_cast<std::size_t>(width) * height);
    stbtt_MakeGlyphBitmapSubpixel(&implementation_->info, coverage.data(), width, height, width, scale, scale,
                                  shift, 0, glyph);
    for (int row = std::max(0, -(whole_y + y0)); row < std::min(height, image.height - whole_y - y0); ++row) {
      for (int column = std::max(0, -(whole_x + x0)); column < std::min(width, image.width - whole_x - x0);
           ++column) {
        const int alpha = coverage[static_cast<std::size_t>(row) * width + column];
        std::uint8_t* pixel = image.at(whole_x + x0 + column, whole_y + y0 + row);
        for (int c = 0; c < 3; ++c)
          pixel[c] = static_cast<std::uint8_t>((pixel[c] * (255 - alpha) + color[c] * alpha + 127) / 255);
      }
    }
  });
}

std::string Font::ellipsised(std::string_view text, double size, double max_width) const {
  std::u32string points = code_points(text);
  if (implementation_->width(points, size) <= max_width) return utf8(points);
  // The longest beginning that fits with its ellipsis; widths grow with the number of characters.
  std::size_t fits = 0, too_long = points.size();
  while (too_long - fits > 1) {
    const std::size_t middle = (fits + too_long) / 2;
    const bool ok = implementation_->width(points.substr(0, middle) + U'…', size) <= max_width;
    (ok ? fits : too_long) = middle;
  }
  points.resize(fits);
  while (!points.empty() && (points.back() == U' ' || points.back() == U',')) points.pop_back();
  return utf8(points + U'…');
}

std::vector<std::string> Font::wrapped(std::string_view text, double size, double max_width,
                                       int max_lines) const {
  std::vector<std::string> lines;
  std::u32string rest = code_points(text);
  while (!rest.empty() && static_cast<int>(lines.size()) + 1 < max_lines &&
         implementation_->width(rest, size) > max_width) {
    std::size_t end = std::u32string::npos;
    for (std::size_t space = rest.find(U' '); space != std::u32string::npos;
         space = rest.find(U' ', space + 1)) {
      if (implementation_->width(rest.substr(0, space), size) > max_width) break;
      end = space;
    }
    if (end == std::u32string::npos) break;
    lines.push_back(utf8(rest.substr(0, end)));
    rest.erase(0, end + 1);
  }
  lines.push_back(ellipsised(utf8(rest), size, max_width));
  return lines;
}

}  // namespace backlight
