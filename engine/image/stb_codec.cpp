// Everything of stb is static here, so that a program which carries its own stb_image links without a clash.
#include <zlib.h>

#include <cstdlib>
#include <memory>

#include "engine/image/codec.hpp"

namespace {

/// zlib in place of stb's own compressor: smaller files in less time.
unsigned char* zlib_compress(unsigned char* data, int size, int* out_size, int level) {
  uLongf bytes = compressBound(static_cast<uLong>(size));
  auto* out = static_cast<unsigned char*>(std::malloc(bytes));
  if (out && compress2(out, &bytes, data, static_cast<uLong>(size), level) != Z_OK) {
    std::free(out);
    out = nullptr;
  }
  *out_size = static_cast<int>(bytes);
  return out;
}

}  // namespace

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#include <stb/stb_image.h>

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#define STBIW_ZLIB_COMPRESS zlib_compress
#include <stb/stb_image_write.h>

namespace backlight {
namespace {

struct Free {
  void operator()(unsigned char* block) const { std::free(block); }
};
using Block = std::unique_ptr<unsigned char, Free>;

}  // namespace

Pixels decode_png(std::span<const std::uint8_t> bytes) {
  Pixels out;
  int channels = 0;
  const Block pixels(stbi_load_from_memory(bytes.data(), static_cast<int>(bytes.size()), &out.width,
                                           &out.height, &channels, STBI_rgb));
  if (pixels)
    out.rgb.assign(pixels.get(), pixels.get() + static_cast<std::size_t>(out.width) * out.height * 3);
  else
    out.failure = stbi_failure_reason();
  return out;
}

std::vector<std::uint8_t> compress_png(std::span<const std::uint8_t> rgb, int width, int height) {
  int bytes = 0;
  const Block file(stbi_write_png_to_mem(rgb.data(), width * 3, width, height, 3, &bytes));
  return file ? std::vector<std::uint8_t>(file.get(), file.get() + bytes) : std::vector<std::uint8_t>();
}

}  // namespace backlight
