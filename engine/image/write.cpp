#include "engine/image/write.hpp"

#include <zlib.h>

#include <algorithm>
#include <bit>
#include <string_view>

#include "engine/image/codec.hpp"
#include "engine/output_file.hpp"

namespace backlight {
namespace {

void append_big_endian(std::vector<std::uint8_t>& out, std::size_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(value >> shift));
}

std::vector<std::uint8_t> itxt_chunk(const PngText& entry) {
  const auto printable = [](char c) { return c >= ' ' && c <= '~'; };
  if (entry.keyword.empty() || entry.keyword.size() > 79 || !std::ranges::all_of(entry.keyword, printable))
    throw Error(ErrorKind::bad_input, "a PNG text has the keyword \"", entry.keyword,
                "\", expected 1 to 79 printable ASCII characters");
  std::string body = "iTXt";
  body += entry.keyword;
  body.append(5, '\0');  // end of keyword, not compressed, method 0, no language, no translated keyword
  body += entry.text;
  std::vector<std::uint8_t> chunk;
  append_big_endian(chunk, body.size() - 4);
  chunk.insert(chunk.end(), body.begin(), body.end());
  append_big_endian(chunk, crc32(0, chunk.data() + 4, static_cast<uInt>(body.size())));
  return chunk;
}

}  // namespace

std::vector<std::uint8_t> encode_png(const Image& image, std::span<const PngText> texts) {
  constexpr std::ptrdiff_t kEndOfHeader = 8 + 25;  // signature and IHDR
  std::vector<std::uint8_t> file = compress_png(image.rgb, image.width, image.height);
  if (file.empty())
    throw Error(ErrorKind::resources, "a PNG of ", image.width, "×", image.height,
                " pixels could not be made: out of memory");
  std::vector<std::uint8_t> chunks;
  for (const PngText& entry : texts) {
    const auto chunk = itxt_chunk(entry);
    chunks.insert(chunks.end(), chunk.begin(), chunk.end());
  }
  file.insert(file.begin() + kEndOfHeader, chunks.begin(), chunks.end());
  return file;
}

void write_png(const std::string& path, const Image& image, std::span<const PngText> texts) {
  write_file(path, encode_png(image, texts));
}

std::vector<std::uint8_t> encode_npy(const Tensor& tensor) {
  static_assert(std::endian::native == std::endian::little, "values are written as they lie in memory");
  constexpr std::size_t kPreamble = 10, kAlignment = 64;
  std::string shape;
  for (const std::int64_t extent : tensor.shape().extents()) shape += text(extent, ",");
  std::string header =
      text("{'descr': '<f", size_of(tensor.dtype()), "', 'fortran_order': False, 'shape': (", shape, "), }");
  header.resize((kPreamble + header.size() + kAlignment) / kAlignment * kAlignment - kPreamble, ' ');
  header.back() = '\n';

  std::string file("\x93NUMPY\x01\0", 8);
  file += static_cast<char>(header.size() & 0xFF);
  file += static_cast<char>(header.size() >> 8);
  file += header;
  std::vector<std::uint8_t> bytes(file.begin(), file.end());
  const auto* data = tensor.dtype() == DType::f64
                         ? reinterpret_cast<const std::uint8_t*>(tensor.data<double>())
                         : reinterpret_cast<const std::uint8_t*>(tensor.data<float>());
  bytes.insert(bytes.end(), data, data + tensor.bytes());
  return bytes;
}

void write_npy(const std::string& path, const Tensor& tensor) { write_file(path, encode_npy(tensor)); }

void write_file(const std::string& path, std::span<const std::uint8_t> bytes) {
  OutputFile file(path);
  file.write(std::as_bytes(bytes));
  file.commit();
}

}  // namespace backlight
