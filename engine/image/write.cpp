#include "engine/image/write.hpp"

#include <algorithm>
#include <bit>
#include <string_view>

#include "engine/core/output_file.hpp"

namespace backlight {

std::vector<std::uint8_t> encode_png(const Image& image, std::span<const PictureText> texts,
                                     const Context* context) {
  std::vector<std::uint8_t> file;
  for (const auto& part : encode_png_parts(image, texts, context))
    file.insert(file.end(), part.begin(), part.end());
  return file;
}

void write_png(const std::string& path, const Image& image, std::span<const PictureText> texts,
               const Context* context) {
  const auto parts = encode_png_parts(image, texts, context);
  write_file(path, std::vector<std::span<const std::uint8_t>>(parts.begin(), parts.end()));
}

void write_jpeg(const std::string& path, const Image& image, std::span<const PictureText> texts,
                int quality) {
  write_file(path, encode_jpeg(image, texts, quality));
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
  write_file(path, std::span(&bytes, 1));
}

void write_file(const std::string& path, std::span<const std::span<const std::uint8_t>> parts) {
  OutputFile file(path);
  for (const auto& part : parts) file.write(std::as_bytes(part));
  file.commit();
}

}  // namespace backlight
