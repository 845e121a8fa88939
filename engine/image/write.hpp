// Results on disk: PNG and JPEG pictures with their provenance as text, and NumPy arrays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/core/tensor.hpp"
#include "engine/image/image.hpp"
#include "engine/runtime/device.hpp"

namespace backlight {

/// Of a heatmap over a photograph hardly a difference is seen, in a fifth of the PNG's bytes.
inline constexpr int kJpegQuality = 90;

/// The bytes of text that one comment of a JPEG holds; a longer text goes on in the next.
inline constexpr std::size_t kJpegCommentBytes = 65'533;

/// A text that travels in the picture: in a PNG as an iTXt chunk, in a JPEG as comment. The keyword has 1 to
/// 79 ASCII characters, the text is UTF-8.
struct PictureText {
  std::string keyword;
  std::string text;
};

/// A PNG file of 8-bit RGB. The context's threads compress where one is given; the bytes do not depend on it.
/// Throws Error(bad_input) for a picture that is none.
std::vector<std::uint8_t> encode_png(const Image& image, std::span<const PictureText> texts = {},
                                     const Context* context = nullptr);
/// The same, in parts that follow each other, so that a large file need not be in memory twice.
std::vector<std::vector<std::uint8_t>> encode_png_parts(const Image& image,
                                                        std::span<const PictureText> texts = {},
                                                        const Context* context = nullptr);
void write_png(const std::string& path, const Image& image, std::span<const PictureText> texts = {},
               const Context* context = nullptr);

/// Every text as a comment, "keyword: text"; one of more than 65,533 bytes goes on in the next comment.
/// `quality` is libjpeg's, 1…100; colours keep their full resolution (4:4:4). Throws Error(bad_input) for a
/// picture that is none, Error(unsupported) for one of more than 65,500 pixels along a side.
std::vector<std::uint8_t> encode_jpeg(const Image& image, std::span<const PictureText> texts = {},
                                      int quality = kJpegQuality);
void write_jpeg(const std::string& path, const Image& image, std::span<const PictureText> texts = {},
                int quality = kJpegQuality);

/// NumPy's format 1.0: little-endian, C order, '<f4' or '<f8' by the tensor's dtype, any rank.
std::vector<std::uint8_t> encode_npy(const Tensor& tensor);
void write_npy(const std::string& path, const Tensor& tensor);

/// As OutputFile does: a file is there whole or not at all; an existing one is replaced. Throws
/// Error(resources) naming the path.
void write_file(const std::string& path, std::span<const std::uint8_t> bytes);
void write_file(const std::string& path, std::span<const std::span<const std::uint8_t>> parts);

}  // namespace backlight
