#include <algorithm>
#include <csetjmp>
#include <new>
#include <tuple>
#include <utility>

#include "engine/image/codec.hpp"
#include "engine/image/jpeg_errors.hpp"

// clang-format off
#include <jerror.h>  // needs jpeglib.h before it
// clang-format on

namespace backlight {
namespace {

/// libjpeg reports an error by a function that must not return; control goes back to the setjmp of its
/// caller.
[[noreturn]] void fail(j_common_ptr common) {
  auto* errors = reinterpret_cast<JpegErrors*>(common->err);
  common->err->format_message(common, errors->message.data());
  std::longjmp(errors->failed, 1);
}

/// Where the decoder stands, and what it says there.
std::pair<Damage::Place, int> place_of_warning(const jpeg_decompress_struct& jpeg) {
  // The end of the file is met by reading ahead; where pixels are missing, another warning tells their row.
  if (jpeg.err->msg_code == JWRN_JPEG_EOF) return {Damage::Place::end, 0};
  if (jpeg.max_v_samp_factor == 0 || jpeg.err->msg_code == JWRN_ADOBE_XFORM)
    return {Damage::Place::header, 0};  // before the first scan
  const auto row = static_cast<int>(jpeg.input_iMCU_row * jpeg.max_v_samp_factor * DCTSIZE);
  if (row >= static_cast<int>(jpeg.image_height)) return {Damage::Place::pixels, 0};
  // Subsampled colours are interpolated, over the edges of blocks, too.
  return {Damage::Place::row, jpeg.max_v_samp_factor > 1 && row > 0 ? row - 1 : row};
}

/// Negative levels are warnings: damage that libjpeg reads past.
void keep_warning(j_common_ptr common, int level) {
  if (level >= 0 || !common->is_decompressor) return;
  auto* errors = reinterpret_cast<JpegErrors*>(common->err);
  const auto& jpeg = *reinterpret_cast<jpeg_decompress_struct*>(common);
  const auto found = place_of_warning(jpeg);
  // What the first scan does not reach stays grey; later ones only refine.
  if (common->err->msg_code == JWRN_HIT_MARKER && jpeg.unread_marker == JPEG_EOI &&
      jpeg.input_scan_number == 1)
    errors->grey_from = found.second;
  if (errors->warnings++ > 0 && found >= std::pair(errors->place, errors->row)) return;
  std::tie(errors->place, errors->row) = found;
  common->err->format_message(common, errors->warning.data());
}

/// Pillow's arithmetic: (255 − ink) · (255 − black) / 255, rounded, where the file holds 255 − ink.
std::uint8_t light(int uninked, int unblack) {
  const int product = (255 - uninked) * unblack + 128;
  return static_cast<std::uint8_t>(unblack - (((product >> 8) + product) >> 8));
}

/// Whether a file of several scans ended between two: a colour has none, or, in a progressive file, not all of
/// its bits.
bool misses_scans(const jpeg_decompress_struct& jpeg) {
  for (int component = 0; component < jpeg.num_components; ++component) {
    if (jpeg.comp_info[component].quant_table == nullptr) return true;
    if (jpeg.progressive_mode && std::ranges::any_of(std::span(jpeg.coef_bits[component], DCTSIZE2),
                                                     [](int missing) { return missing != 0; }))
      return true;
  }
  return false;
}

/// What libjpeg may leave by longjmp: it holds no object with a destructor, and is a function of its own so
/// that the caller's objects are in memory when control comes back.
[[gnu::noinline]] void decode(jpeg_decompress_struct& jpeg, std::span<const std::uint8_t> bytes,
                              std::int64_t max_pixels, Pixels& out, std::vector<std::uint8_t>& row) {
  jpeg_mem_src(&jpeg, bytes.data(), static_cast<unsigned long>(bytes.size()));
  jpeg_read_header(&jpeg, TRUE);
  const bool four = jpeg.num_components == 4;
  jpeg.out_color_space = four ? JCS_CMYK : JCS_RGB;
  jpeg_calc_output_dimensions(&jpeg);
  out.width = static_cast<int>(jpeg.output_width);
  out.height = static_cast<int>(jpeg.output_height);
  if (std::int64_t{out.width} * out.height > max_pixels) {
    out.failure = "its header declares two sizes";
    return;
  }
  out.rgb.resize(static_cast<std::size_t>(out.width) * out.height * 3);
  row.resize(four ? static_cast<std::size_t>(out.width) * 4 : 0);

  jpeg_start_decompress(&jpeg);
  while (jpeg.output_scanline < jpeg.output_height) {
    std::uint8_t* rgb = &out.rgb[static_cast<std::size_t>(jpeg.output_scanline) * out.width * 3];
    JSAMPROW target = four ? row.data() : rgb;
    jpeg_read_scanlines(&jpeg, &target, 1);
    for (std::size_t x = 0; x < row.size() / 4; ++x)
      for (std::size_t c = 0; c < 3; ++c) rgb[3 * x + c] = light(row[4 * x + c], row[4 * x + 3]);
  }
  out.damage.missing_scans = misses_scans(jpeg);
  jpeg_finish_decompress(&jpeg);
}

}  // namespace

jpeg_error_mgr* JpegErrors::manager() {
  jpeg_std_error(&base);
  base.error_exit = fail;
  base.emit_message = keep_warning;
  return &base;
}

Pixels decode_jpeg(std::span<const std::uint8_t> bytes, std::int64_t max_pixels) {
  Pixels out;
  std::vector<std::uint8_t> row;
  JpegErrors errors;
  jpeg_decompress_struct jpeg;
  jpeg.err = errors.manager();
  if (setjmp(errors.failed)) {
    jpeg_destroy_decompress(&jpeg);
    if (errors.base.msg_code == JERR_OUT_OF_MEMORY) throw std::bad_alloc();
    out.failure = errors.message.data();
    return out;
  }
  jpeg_create_decompress(&jpeg);
  try {
    decode(jpeg, bytes, max_pixels, out, row);
  } catch (...) {
    jpeg_destroy_decompress(&jpeg);
    throw;
  }
  jpeg_destroy_decompress(&jpeg);
  out.damage.count = errors.warnings;
  out.damage.place = errors.place;
  out.damage.row = errors.row;
  out.damage.message = errors.warning.data();
  out.damage.grey_from = errors.grey_from;
  return out;
}

}  // namespace backlight
