// Everything of stb is static here, so that a program which carries its own stb_image links without a clash.
#include <cstdlib>
#include <memory>
#include <new>

#include "engine/image/codec.hpp"

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_BMP
#define STBI_ONLY_GIF
#define STBI_NO_STDIO
#include <stb/stb_image.h>

namespace backlight {
namespace {

constexpr const char* kOutOfMemory = "outofmem";  // stb's word

}  // namespace

Pixels decode_with_stb(std::span<const std::uint8_t> bytes, Alpha alpha) {
  Pixels out;
  out.wanted = alpha;
  int channels = 0;
  const std::unique_ptr<std::uint8_t, decltype(&std::free)> samples(
      stbi_load_from_memory(bytes.data(), static_cast<int>(bytes.size()), &out.width, &out.height, &channels,
                            0),
      &std::free);
  if (!samples) {
    out.failure = stbi_failure_reason();
    if (out.failure == kOutOfMemory) throw std::bad_alloc();
    if (out.failure.empty()) out.failure = "its blocks do not fit together";  // a GIF
    return out;
  }
  const auto pixels = static_cast<std::size_t>(out.width) * out.height;
  out.rgb.resize(pixels * 3);
  take_samples(samples.get(), channels, 0, pixels, out);
  return out;
}

}  // namespace backlight
