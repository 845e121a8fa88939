// A PNG row by row, through libpng: what is inflated and interlaced is never held as a whole, beside the pixels.
#include <png.h>

#include <algorithm>
#include <bit>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>

#include "engine/image/codec.hpp"
#include "engine/image/container.hpp"

namespace backlight {
namespace {

using Bytes = std::span<const std::uint8_t>;
using Message = std::array<char, 256>;

constexpr std::size_t kSignature = 8;

/// What libpng's functions work with.
struct Reader {
  enum class Stage { header, pixels, end };

  Bytes rest;
  Stage stage = Stage::header;
  const char* broken = "what comes before the PNG's pixels is broken";
  Message error{}, warning{};  ///< libpng's words
  int warnings = 0;
  Damage::Place place = Damage::Place::header;  ///< of the warning
  bool out_of_memory = false;
};

void copy(png_const_charp message, Message& to) { std::snprintf(to.data(), to.size(), "%s", message); }

[[noreturn]] void fail(png_structp png, png_const_charp message) {
  copy(message, static_cast<Reader*>(png_get_error_ptr(png))->error);
  png_longjmp(png, 1);
}

/// What libpng reads past. While pixels are read it means that they may be wrong, but where bytes follow a stream whose
/// checksum was right.
void keep_warning(png_structp png, png_const_charp message) {
  auto& reader = *static_cast<Reader*>(png_get_error_ptr(png));
  if (reader.stage == Reader::Stage::pixels &&
      !std::string_view(message).ends_with("Extra compressed data")) {
    reader.broken = "there are more pixels than the PNG's header declares, or their checksum does not match";
    fail(png, message);
  }
  const auto place = reader.stage == Reader::Stage::header ? Damage::Place::header : Damage::Place::end;
  if (reader.warnings++ > 0 && place >= reader.place) return;
  reader.place = place;
  copy(message, reader.warning);
}

void read(png_structp png, png_bytep to, std::size_t count) {
  Bytes& rest = static_cast<Reader*>(png_get_io_ptr(png))->rest;
  if (count > rest.size()) png_error(png, "the file ends");
  std::copy_n(rest.begin(), count, to);
  rest = rest.subspan(count);
}

png_voidp allocate(png_structp png, png_alloc_size_t bytes) {
  void* memory = std::malloc(bytes);
  if (!memory) static_cast<Reader*>(png_get_mem_ptr(png))->out_of_memory = true;
  return memory;
}

struct Png {
  explicit Png(Reader& reader)
      : png(png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &reader, fail, keep_warning, &reader, allocate,
                                     nullptr)),
        info(png_create_info_struct(png)) {
    png_set_read_fn(png, &reader, read);
  }
  ~Png() { png_destroy_read_struct(&png, &info, nullptr); }
  Png(const Png&) = delete;
  Png& operator=(const Png&) = delete;

  png_structp png;
  png_infop info;
};

/// What libpng may leave by longjmp: it holds no object with a destructor.
[[gnu::noinline]] void decode(png_structp png, png_infop info, Reader& reader,
                              std::vector<std::uint16_t>& row, Pixels& out) {
  // inspect_png has bounded the size. Of the chunks but IHDR, PLTE, tRNS and IDAT only the checksum is read.
  png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_chunk_malloc_max(png, 0);
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
  png_set_option(png, PNG_MAXIMUM_INFLATE_WINDOW, PNG_OPTION_ON);  // some declare too small a one
  png_set_check_for_invalid_index(png, 0);                         // which is black, as in Pillow
  png_read_info(png, info);

  png_set_expand(png);
  if (std::endian::native == std::endian::little) png_set_swap(png);
  const bool interlaced = png_get_interlace_type(png, info) == PNG_INTERLACE_ADAM7;
  png_read_update_info(png, info);
  const bool deep = png_get_bit_depth(png, info) == 16;
  const std::size_t channels = png_get_channels(png, info);
  const std::size_t width = png_get_image_width(png, info), height = png_get_image_height(png, info);
  out.width = static_cast<int>(width);
  out.height = static_cast<int>(height);
  out.rgb.resize(width * height * 3);
  row.resize((png_get_rowbytes(png, info) + 1) / 2);

  reader.stage = Reader::Stage::pixels;
  reader.broken = "the PNG's pixels end early or are broken";
  const auto place = [&](std::size_t i, std::size_t first_pixel, std::size_t count) {
    const std::uint16_t* samples = row.data();
    if (deep)
      take_samples(samples + i * channels, static_cast<int>(channels), first_pixel, count, out);
    else
      take_samples(reinterpret_cast<const std::uint8_t*>(samples) + i * channels, static_cast<int>(channels),
                   first_pixel, count, out);
  };
  for (int pass = 0; pass < (interlaced ? PNG_INTERLACE_ADAM7_PASSES : 1); ++pass) {
    const std::size_t x0 = interlaced ? PNG_PASS_START_COL(pass) : 0;
    const std::size_t y0 = interlaced ? PNG_PASS_START_ROW(pass) : 0;
    const std::size_t dx = interlaced ? PNG_PASS_COL_OFFSET(pass) : 1;
    const std::size_t dy = interlaced ? PNG_PASS_ROW_OFFSET(pass) : 1;
    for (std::size_t y = y0; y < height && x0 < width; y += dy) {
      png_read_row(png, reinterpret_cast<png_bytep>(row.data()), nullptr);
      if (dx == 1)
        place(0, y * width, width);
      else
        for (std::size_t i = 0, x = x0; x < width; ++i, x += dx) place(i, y * width + x, 1);
    }
  }
  reader.stage = Reader::Stage::end;
  reader.broken = "what comes after the PNG's pixels is broken";
  png_read_end(png, info);
}

}  // namespace

ImageContainer inspect_png(Bytes bytes, std::string_view name) {
  constexpr std::size_t kAround = 12, kHeader = 13;
  constexpr std::int64_t kMostInflated = 1032;  // bytes that deflate makes of one
  ImageContainer png;
  png.provenance.format = "PNG";
  for (Bytes rest = bytes.subspan(kSignature);;) {
    const std::size_t length = rest.size() < kAround ? 0 : big_endian(rest, 4);
    if (rest.size() < kAround || length > rest.size() - kAround) corrupt(name, "the PNG ends within a chunk");
    const std::string_view type(reinterpret_cast<const char*>(rest.data()) + 4, 4);
    const Bytes body = rest.subspan(8, length);
    const bool first = rest.data() == bytes.data() + kSignature;
    if ((type == "IHDR") != first || (first && length != kHeader))
      corrupt(name, "the PNG's header is missing, repeated or of a wrong length");
    if (first) {
      png.width = big_endian(body, 4);
      png.height = big_endian(body.subspan(4), 4);
      if (png.width == 0 || png.height == 0) corrupt(name, "the PNG declares no pixels");
      const int colour = body[9];
      const bool alpha = (colour & PNG_COLOR_MASK_ALPHA) != 0;
      png.provenance.bit_depth = body[8];
      png.provenance.palette = colour == PNG_COLOR_TYPE_PALETTE;
      png.provenance.channels = (colour & PNG_COLOR_MASK_COLOR ? 3 : 1) + (alpha ? 1 : 0);
      png.provenance.alpha_dropped = alpha;
    } else if (type == "tRNS") {
      png.provenance.alpha_dropped = true;
    } else if (type == "fdAT") {  // the pixels of an animation's later frames
      png.frames = 2;
    } else if (type == "eXIf") {
      png.provenance.exif_orientation = exif_orientation(body);
    } else if (type == "IEND") {
      break;
    }
    rest = rest.subspan(kAround + length);
  }
  if (!png.too_large() &&
      png.width * png.height * png.provenance.bit_depth / 8 / kMostInflated > std::ssize(bytes))
    corrupt(name,
            text("a PNG of ", bytes.size(), " bytes cannot hold ", png.width, "×", png.height, " pixels"));
  return png;
}

Pixels decode_png(Bytes bytes, std::string_view name, Alpha alpha) {
  Pixels out;
  out.wanted = alpha;
  std::vector<std::uint16_t> row;
  Reader reader{.rest = bytes};
  const Png png(reader);
  if (!png.info) throw std::bad_alloc();
  if (setjmp(png_jmpbuf(png.png))) {
    if (reader.out_of_memory) throw std::bad_alloc();
    corrupt(name, text(reader.broken, " (", reader.error.data(), ")"));
  }
  decode(png.png, png.info, reader, row, out);
  out.damage.count = reader.warnings;
  out.damage.place = reader.place;
  out.damage.message = reader.warning.data();
  return out;
}

}  // namespace backlight
