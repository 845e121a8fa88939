#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "engine/image/codec.hpp"
#include "engine/image/container.hpp"
#include "engine/image/image.hpp"

namespace backlight {
namespace {

using Bytes = std::span<const std::uint8_t>;

struct Signature {
  std::size_t offset;
  std::string_view bytes;
};

/// A format that is read: how to tell it, and how to look into it. `decode` comes after `inspect`, where the
/// declared size is within bounds.
struct Format {
  std::string_view name;
  Signature signature;
  ImageContainer (*inspect)(Bytes, std::string_view name);
  Pixels (*decode)(Bytes, const ImageContainer&, std::string_view name, Alpha);
};

Pixels by_libpng(Bytes bytes, const ImageContainer&, std::string_view name, Alpha alpha) {
  return decode_png(bytes, name, alpha);
}

Pixels by_libjpeg(Bytes bytes, const ImageContainer& jpeg, std::string_view, Alpha) {
  return decode_jpeg(bytes, jpeg.width * jpeg.height);
}

Pixels by_stb_as_bmp(Bytes bytes, const ImageContainer&, std::string_view, Alpha alpha) {
  return decode_bmp(bytes, alpha);
}

/// What the first frame does not draw stays transparent.
Pixels gif_pixels(Bytes, const ImageContainer& gif, std::string_view name, Alpha alpha) {
  const GifFrame& frame = gif.gif_frame;
  Pixels pixels = decode_with_stb(frame.file, Alpha::drop);
  if (!pixels.failure.empty()) return pixels;
  const std::int64_t drawn = std::int64_t{pixels.width} * pixels.height - pixels.transparency.fully;
  const std::int64_t expected = std::int64_t{frame.width} * frame.height;
  if (drawn < expected)
    corrupt(name, text("the GIF's first frame ends early: ", drawn, " of ", expected, " pixels"));
  pixels.transparency = {};
  auto pixel = pixels.rgb.begin();
  for (int y = 0; y < pixels.height; ++y)
    for (int x = 0; x < pixels.width; ++x, pixel += 3)
      if (x < frame.left || x >= frame.left + frame.width || y < frame.top || y >= frame.top + frame.height)
        std::ranges::copy(frame.outside, pixel);
  if (alpha == Alpha::drop || frame.flags == 0) return pixels;
  std::vector<std::uint8_t> transparent = frame.file;
  transparent[frame.flags] |= 1;
  pixels.alpha = decode_with_stb(transparent, Alpha::keep).alpha;
  return pixels;
}

#if BACKLIGHT_WEBP
Pixels by_libwebp(Bytes bytes, const ImageContainer&, std::string_view, Alpha alpha) {
  return decode_webp(bytes, alpha);
}
#endif
#if BACKLIGHT_TIFF
Pixels by_libtiff(Bytes bytes, const ImageContainer&, std::string_view, Alpha alpha) {
  return decode_tiff(bytes, alpha);
}
#endif

constexpr Format kFormats[] = {
    {"PNG", {0, {"\x89PNG\r\n\x1a\n", 8}}, inspect_png, by_libpng},
    {"JPEG", {0, "\xFF\xD8\xFF"}, inspect_jpeg, by_libjpeg},
    {"BMP", {0, "BM"}, inspect_bmp, by_stb_as_bmp},
    {"GIF", {0, "GIF8"}, inspect_gif, gif_pixels},
#if BACKLIGHT_WEBP
    {"WebP", {8, "WEBP"}, inspect_webp, by_libwebp},
#endif
#if BACKLIGHT_TIFF
    {"TIFF", {0, {"II*\0", 4}}, inspect_tiff, by_libtiff},
    {"TIFF", {0, {"MM\0*", 4}}, inspect_tiff, by_libtiff},
    {"TIFF", {0, {"II+\0", 4}}, inspect_tiff, by_libtiff},
    {"TIFF", {0, {"MM\0+", 4}}, inspect_tiff, by_libtiff},
#endif
};

struct OtherFormat {
  std::string_view name;
  Signature signature;
  std::string_view library = {};  ///< that reads it where the build finds it
  bool picture = true;
};

constexpr std::string_view kWebpLibrary = "libwebp (Debian's libwebp-dev)";
constexpr std::string_view kTiffLibrary = "libtiff 4.5 (Debian's libtiff-dev)";

/// What is recognised and refused.
constexpr OtherFormat kOtherFormats[] = {
    {"a WebP picture", {8, "WEBP"}, kWebpLibrary},
    {"a TIFF", {0, {"II*\0", 4}}, kTiffLibrary},
    {"a TIFF", {0, {"MM\0*", 4}}, kTiffLibrary},
    {"a BigTIFF", {0, {"II+\0", 4}}, kTiffLibrary},
    {"a BigTIFF", {0, {"MM\0+", 4}}, kTiffLibrary},
    {"an AVIF picture", {4, "ftypavif"}},
    {"an AVIF animation", {4, "ftypavis"}},
    {"a HEIC picture", {4, "ftyphei"}},
    {"a HEIC picture", {4, "ftyphev"}},
    {"a HEIF picture", {4, "ftypmif1"}},
    {"a JPEG XL picture", {0, {"\0\0\0\x0CJXL ", 8}}},
    {"a JPEG 2000 picture", {0, {"\0\0\0\x0CjP  ", 8}}},
    {"a Photoshop document", {0, "8BPS"}},
    {"a PDF", {0, "%PDF"}, {}, false},
};

bool has(Bytes bytes, const Signature& signature) {
  return bytes.size() >= signature.offset + signature.bytes.size() &&
         std::ranges::equal(bytes.subspan(signature.offset, signature.bytes.size()), signature.bytes,
                            [](std::uint8_t a, char b) { return a == static_cast<std::uint8_t>(b); });
}

std::string expected_formats() {
  std::string list;
  for (std::size_t i = 0; i < std::size(kFormats); ++i) {
    const bool listed = i > 0 && kFormats[i].name == kFormats[i - 1].name;
    if (!listed) list += (i == 0 ? "" : ", ") + std::string(kFormats[i].name);
  }
  return list;
}

const Format& find_format(Bytes bytes, std::string_view name) {
  for (const Format& format : kFormats)
    if (has(bytes, format.signature)) return format;
  if (bytes.empty())
    throw Error(ErrorKind::bad_input, name, ": the file is empty, expected a picture (", expected_formats(),
                ")");
  for (const OtherFormat& other : kOtherFormats)
    if (has(bytes, other.signature))
      throw Error(ErrorKind::unsupported, name, ": is ", other.name, ", which ",
                  other.library.empty() ? "is not supported; convert it to PNG or JPEG"
                                        : text("backlight was built without ", other.library,
                                               " to read; convert it to PNG or JPEG, or build with that"));
  throw Error(ErrorKind::bad_input, name, ": is not a picture that backlight knows, expected one of ",
              expected_formats());
}

/// Damage that the decoder read past.
void add_warnings(const Pixels& pixels, std::string_view name, Provenance& provenance) {
  const Damage& damage = pixels.damage;
  const std::string turned = provenance.exif_orientation == 1 ? "" : " as stored";
  if (damage.grey_from == 0) corrupt(name, "the JPEG ends within its first rows of pixels");
  if (damage.missing_scans)
    provenance.warnings.emplace_back(
        "the JPEG is unfinished: scans are missing, and its pixels are coarser, or have fewer colours, than "
        "meant");
  const bool end_told = damage.missing_scans && damage.place == Damage::Place::end;
  if (damage.count == 0 || end_told) return;
  const std::string where = [&]() -> std::string {
    switch (damage.place) {
      case Damage::Place::row:
        return text(" from row ", damage.row, " on (of ", pixels.height, turned,
                    ", counted from 0) or earlier");
      case Damage::Place::pixels:
        return " somewhere in its pixels";
      case Damage::Place::end:
        return " after its last row; the pixels are there";
      case Damage::Place::header:
        break;
    }
    return " in its header";
  }();
  const int others = damage.count - 1;
  const std::string more = others == 0 ? "" : text("; and ", others, " more fault", others > 1 ? "s" : "");
  const std::string grey = damage.grey_from < 0 ? ""
                                                : text("; its data end in row ", damage.grey_from,
                                                       ", and what is missing from there on is grey");
  provenance.warnings.push_back(
      text("the ", provenance.format, " is damaged", where, ": ", damage.message, more, grey));
}

/// What the file holds and 8 bits of RGB do not show.
void add_notes(const Pixels& pixels, const ImageContainer& container, Provenance& provenance) {
  constexpr int kDark = 14;  // bits: a quarter of the range is not used
  std::vector<std::string>& notes = provenance.notes;
  const Transparency& alpha = pixels.transparency;
  if (alpha.pixels > 0 && pixels.wanted == Alpha::drop) {
    provenance.alpha_dropped = true;
    notes.push_back(
        text("transparency is dropped: ", alpha.pixels, " of ", std::int64_t{pixels.width} * pixels.height,
             " pixels are not opaque and ",
             provenance.format == "TIFF" ? "are shown over black" : "show their colours in full"));
    if (alpha.hidden_colours)
      notes.push_back(text("colours lie hidden under full transparency: ", alpha.fully,
                           " invisible pixels are not of one colour, and the network sees them"));
  } else if (provenance.format == "GIF" && provenance.alpha_dropped) {
    notes.emplace_back("transparency is dropped: the transparent colour is shown as it is stored");
  }
  if (const int bits = static_cast<int>(std::bit_width(static_cast<unsigned>(pixels.largest)));
      provenance.bit_depth == 16 && bits > 0 && bits <= kDark)
    notes.push_back(
        text("of 16 bits per sample ", bits, " are used (the largest is ", pixels.largest,
             "): the upper 8 are taken, which is darker than meant; scale the picture to 16 bits"));
  if (container.frames > 1) notes.emplace_back("the first of several frames or pages is taken");
  if (container.partial)
    notes.emplace_back("the frame covers a part of the picture; the rest has one colour");
}

}  // namespace

void require_known_format(Bytes bytes, std::string_view name) { find_format(bytes, name); }

bool begins_as_picture(Bytes bytes) {
  const auto fits = [&](const auto& format) { return has(bytes, format.signature); };
  constexpr Signature kHeaderBelow256{15, {"\0\0\0", 3}};
  if (has(bytes, {0, "BM"})) return has(bytes, kHeaderBelow256);  // many a text begins with these two letters
  return std::ranges::any_of(kFormats, fits) ||
         std::ranges::any_of(kOtherFormats, [&](const OtherFormat& f) { return f.picture && fits(f); });
}

Image decode_image(Bytes bytes, std::string_view name, ExifOrientation orientation, Alpha alpha) {
  const Format& format = find_format(bytes, name);
  if (static_cast<std::int64_t>(bytes.size()) > kMaxImageFileBytes)
    throw Error(ErrorKind::bad_input, name, ": the file has ", bytes.size(), " bytes, at most ",
                kMaxImageFileBytes, " are read");
  ImageContainer container = format.inspect(bytes, name);
  if (container.too_large())
    throw Error(ErrorKind::bad_input, name, ": ", container.width, "×", container.height, " pixels, at most ",
                kMaxPixels, " are decoded; make the picture smaller first");
  Pixels pixels = format.decode(bytes, container, name, alpha);
  if (!pixels.failure.empty())
    throw Error(ErrorKind::bad_input, name, ": the ", format.name, " cannot be decoded (", pixels.failure,
                "); open it in an image editor and save it anew");
  if (pixels.width != container.width || pixels.height != container.height)
    throw Error(ErrorKind::bad_input, name, ": the ", format.name, " declares two sizes, ", container.width,
                "×", container.height, " and ", pixels.width, "×", pixels.height);
  Image image;
  image.width = pixels.width;
  image.height = pixels.height;
  image.provenance = std::move(container.provenance);
  if (alpha == Alpha::keep) image.provenance.alpha_dropped = false;
  add_warnings(pixels, name, image.provenance);
  add_notes(pixels, container, image.provenance);
  image.rgb = std::move(pixels.rgb);
  image.alpha = std::move(pixels.alpha);
  if (orientation == ExifOrientation::ignore) return image;
  image.provenance.orientation_applied = image.provenance.exif_orientation != 1;
  return apply_orientation(std::move(image), image.provenance.exif_orientation);
}

}  // namespace backlight
