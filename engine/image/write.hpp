// Results on disk: PNG pictures with their provenance as text, and NumPy arrays.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/image/image.hpp"
#include "engine/tensor.hpp"

namespace backlight {

/// A text that travels in the PNG (an iTXt chunk). The keyword has 1 to 79 ASCII characters, the text is
/// UTF-8.
struct PngText {
  std::string keyword;
  std::string text;
};

/// A PNG file of 8-bit RGB in memory.
std::vector<std::uint8_t> encode_png(const Image& image, std::span<const PngText> texts = {});
void write_png(const std::string& path, const Image& image, std::span<const PngText> texts = {});

/// NumPy's format 1.0: little-endian, C order, '<f4' or '<f8' by the tensor's dtype, any rank.
std::vector<std::uint8_t> encode_npy(const Tensor& tensor);
void write_npy(const std::string& path, const Tensor& tensor);

/// As OutputFile does: a file is there whole or not at all; an existing one is replaced. Throws
/// Error(resources) naming the path.
void write_file(const std::string& path, std::span<const std::uint8_t> bytes);

}  // namespace backlight
