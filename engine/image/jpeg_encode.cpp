#include <algorithm>
#include <csetjmp>
#include <cstdlib>
#include <memory>

#include "engine/image/jpeg_errors.hpp"
#include "engine/image/write.hpp"

namespace backlight {
namespace {

/// What libjpeg may leave by longjmp: it holds no object with a destructor.
[[gnu::noinline]] void encode(jpeg_compress_struct& jpeg, const Image& image,
                              std::span<const std::string> comments, int quality) {
  jpeg.image_width = static_cast<JDIMENSION>(image.width);
  jpeg.image_height = static_cast<JDIMENSION>(image.height);
  jpeg.input_components = 3;
  jpeg.in_color_space = JCS_RGB;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, quality, TRUE);
  for (int i = 0; i < jpeg.num_components; ++i)
    jpeg.comp_info[i].h_samp_factor = jpeg.comp_info[i].v_samp_factor = 1;
  jpeg_start_compress(&jpeg, TRUE);
  for (const std::string& comment : comments)
    for (std::size_t at = 0; at < comment.size(); at += kJpegCommentBytes)
      jpeg_write_marker(&jpeg, JPEG_COM, reinterpret_cast<const JOCTET*>(comment.data()) + at,
                        static_cast<unsigned>(std::min(kJpegCommentBytes, comment.size() - at)));
  while (jpeg.next_scanline < jpeg.image_height) {
    // libjpeg only reads from it.
    auto* row = const_cast<JSAMPROW>(image.at(0, static_cast<int>(jpeg.next_scanline)));
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
}

}  // namespace

std::vector<std::uint8_t> encode_jpeg(const Image& image, std::span<const PictureText> texts, int quality) {
  require_pixels(image, "JPEG");
  if (image.width > JPEG_MAX_DIMENSION || image.height > JPEG_MAX_DIMENSION)
    throw Error(ErrorKind::unsupported, "a JPEG of ", image.width, "×", image.height,
                " pixels cannot be made: a side has at most ", JPEG_MAX_DIMENSION, "; write a PNG");
  if (quality < 1 || quality > 100)
    throw Error(ErrorKind::bad_input, "JPEG quality is ", quality, ", expected 1 to 100");
  std::vector<std::string> comments;
  for (const PictureText& entry : texts) comments.push_back(entry.keyword + ": " + entry.text);

  JpegErrors errors;
  jpeg_compress_struct jpeg;
  jpeg.err = errors.manager();
  // libjpeg allocates the file with malloc and says where it lies only at the end: what fails before leaks
  // it.
  unsigned char* file = nullptr;
  unsigned long bytes = 0;
  if (setjmp(errors.failed)) {
    jpeg_destroy_compress(&jpeg);
    throw Error(ErrorKind::resources, "a JPEG of ", image.width, "×", image.height,
                " pixels could not be made: ", errors.message.data());
  }
  jpeg_create_compress(&jpeg);
  jpeg_mem_dest(&jpeg, &file, &bytes);
  encode(jpeg, image, comments, quality);
  jpeg_destroy_compress(&jpeg);
  const std::unique_ptr<unsigned char, decltype(&std::free)> block(file, &std::free);
  return {file, file + bytes};
}

}  // namespace backlight
