#include "engine/image/origin.hpp"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string_view>

namespace backlight {
namespace {

using namespace std::string_view_literals;

/// The next bytes of a file: fewer where it ends.
std::string take(std::istream& file, std::size_t count) {
  std::string bytes(count, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(count));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  return bytes;
}

std::uint32_t big_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

/// `file` stands behind the signature.
bool png_says_so(std::istream& file) {
  constexpr std::string_view kKeyword = "backlight\0"sv;
  for (;;) {
    const std::string header = take(file, 8);
    const std::string_view type = std::string_view(header).substr(std::min<std::size_t>(4, header.size()));
    if (header.size() < 8 || type == "IDAT" || type == "IEND") return false;
    std::uint32_t left = big_endian(std::string_view(header).substr(0, 4));
    if ((type == "iTXt" || type == "tEXt" || type == "zTXt") && left >= kKeyword.size()) {
      if (take(file, kKeyword.size()) == kKeyword) return true;
      left -= static_cast<std::uint32_t>(kKeyword.size());
    }
    constexpr std::uint32_t kChecksum = 4;
    file.seekg(std::int64_t{left} + kChecksum, std::ios::cur);
  }
}

/// `file` stands behind the start of image.
bool jpeg_says_so(std::istream& file) {
  constexpr std::size_t kLookedAt = 256;
  for (;;) {
    const std::string header = take(file, 4);
    if (header.size() < 4 || header[0] != '\xFF' || header[1] == '\xDA') return false;
    const std::uint32_t length = big_endian(std::string_view(header).substr(2));
    if (length < 2) return false;
    std::uint32_t left = length - 2;
    if (header[1] == '\xFE') {
      const std::string comment = take(file, std::min<std::size_t>(left, kLookedAt));
      if (comment.find("\"backlight_version\"") != std::string::npos) return true;
      left -= static_cast<std::uint32_t>(comment.size());
    }
    file.seekg(left, std::ios::cur);
  }
}

}  // namespace

bool is_written_by_backlight(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string begin = take(file, 2);
  if (begin == "\xFF\xD8") return jpeg_says_so(file);
  return begin == "\x89P" && take(file, 6) == "NG\r\n\x1A\n" && png_says_so(file);
}

}  // namespace backlight
