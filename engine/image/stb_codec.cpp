// Everything of stb is static here, so that a program which carries its own stb_image links without a clash.
#include <cstdlib>
#include <memory>
#include <new>

#include "engine/image/codec.hpp"

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_ONLY_GIF
#define STBI_NO_STDIO
#include <stb/stb_image.h>

namespace backlight {
namespace {

constexpr const char* kOutOfMemory = "outofmem";  // stb's word

/// Samples of stb's, in as many channels as the file has.
template <class Sample>
void take(Sample* block, int channels, Pixels& out) {
  const std::unique_ptr<Sample, decltype(&std::free)> samples(block, &std::free);
  if (!samples) {
    out.failure = stbi_failure_reason();
    if (out.failure == kOutOfMemory) throw std::bad_alloc();
    if (out.failure.empty()) out.failure = "its blocks do not fit together";  // a GIF
    return;
  }
  const auto pixels = static_cast<std::size_t>(out.width) * out.height;
  out.rgb.resize(pixels * 3);
  take_samples(block, channels, 0, pixels, out);
}

}  // namespace

Pixels decode_with_stb(std::span<const std::uint8_t> bytes) {
  const auto* file = bytes.data();
  const auto size = static_cast<int>(bytes.size());
  Pixels out;
  int channels = 0;
  const bool deep = stbi_is_16_bit_from_memory(file, size) != 0;
  stbi__g_failure_reason = kOutOfMemory;  // the one that it does not give, of a PNG's inflating
  if (deep) {
    auto* block = stbi_load_16_from_memory(file, size, &out.width, &out.height, &channels, 0);
    take(block, channels, out);
  } else {
    auto* block = stbi_load_from_memory(file, size, &out.width, &out.height, &channels, 0);
    take(block, channels, out);
  }
  return out;
}

}  // namespace backlight
