#include <array>
#include <csetjmp>
#include <cstddef>
#include <cstdio>

#include "engine/image/codec.hpp"

// clang-format off
#include <jpeglib.h>  // needs <cstddef> and <cstdio> before it
// clang-format on

namespace backlight {
namespace {

/// libjpeg reports an error by a function that must not return; control goes back to the setjmp below.
struct ErrorManager {
  jpeg_error_mgr base;  // first, so that libjpeg's pointer to it is one to this
  std::jmp_buf failed;
  std::array<char, JMSG_LENGTH_MAX> message;
};

[[noreturn]] void fail(j_common_ptr common) {
  auto* manager = reinterpret_cast<ErrorManager*>(common->err);
  common->err->format_message(common, manager->message.data());
  std::longjmp(manager->failed, 1);
}

void ignore_warning(j_common_ptr, int) {}

/// Pillow's arithmetic: (255 − ink) · (255 − black) / 255, rounded, where the file holds 255 − ink.
std::uint8_t light(int uninked, int unblack) {
  const int product = (255 - uninked) * unblack + 128;
  return static_cast<std::uint8_t>(unblack - (((product >> 8) + product) >> 8));
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
  jpeg_finish_decompress(&jpeg);
}

}  // namespace

Pixels decode_jpeg(std::span<const std::uint8_t> bytes, std::int64_t max_pixels) {
  Pixels out;
  std::vector<std::uint8_t> row;
  ErrorManager manager;
  jpeg_decompress_struct jpeg;
  jpeg.err = jpeg_std_error(&manager.base);
  manager.base.error_exit = fail;
  manager.base.emit_message = ignore_warning;
  if (setjmp(manager.failed)) {
    jpeg_destroy_decompress(&jpeg);
    out.failure = manager.message.data();
    return out;
  }
  jpeg_create_decompress(&jpeg);
  decode(jpeg, bytes, max_pixels, out, row);
  jpeg_destroy_decompress(&jpeg);
  return out;
}

}  // namespace backlight
