#include "engine/image/origin.hpp"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string_view>

#include "engine/image/container.hpp"
#include "engine/image/write.hpp"

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

std::uint32_t number(const std::string& bytes, std::size_t at, int count) {
  return big_endian(std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()).subspan(at),
                    count);
}

constexpr std::size_t kLongestFacts = std::size_t{1} << 24;

/// `file` stands behind the signature.
std::optional<std::string> png_facts(std::istream& file) {
  constexpr std::string_view kKeyword = "backlight\0"sv;
  for (;;) {
    const std::string header = take(file, 8);
    const std::string_view type = std::string_view(header).substr(std::min<std::size_t>(4, header.size()));
    if (header.size() < 8 || type == "IDAT" || type == "IEND") return std::nullopt;
    std::uint32_t left = number(header, 0, 4);
    if ((type == "iTXt" || type == "tEXt" || type == "zTXt") && left >= kKeyword.size()) {
      left -= static_cast<std::uint32_t>(kKeyword.size());
      if (take(file, kKeyword.size()) == kKeyword) {
        if (type == "iTXt") left -= static_cast<std::uint32_t>(take(file, std::min(left, 4u)).size());
        return take(file, std::min<std::size_t>(left, kLongestFacts));
      }
    }
    constexpr std::uint32_t kChecksum = 4;
    file.seekg(std::int64_t{left} + kChecksum, std::ios::cur);
  }
}

/// `file` stands behind the start of image.
std::optional<std::string> jpeg_facts(std::istream& file) {
  constexpr std::size_t kLookedAt = 256;
  constexpr std::string_view kKeyword = "backlight: ";
  std::optional<std::string> facts;
  for (;;) {
    const std::string header = take(file, 4);
    if (header.size() < 4 || header[0] != '\xFF' || header[1] == '\xDA') return facts;
    const std::uint32_t length = number(header, 2, 2);
    if (length < 2) return facts;
    if (header[1] != '\xFE') {
      file.seekg(length - 2, std::ios::cur);
      continue;
    }
    const std::string comment = take(file, length - 2);
    const std::string_view begin = std::string_view(comment).substr(0, kLookedAt);
    if (facts)
      facts->append(comment);
    else if (begin.find("\"backlight_version\"") != begin.npos)
      facts = comment.substr(comment.starts_with(kKeyword) ? kKeyword.size() : 0);
    if (facts && (comment.size() < kJpegCommentBytes || facts->size() > kLongestFacts)) return facts;
  }
}

}  // namespace

std::optional<std::string> backlight_facts(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string begin = take(file, 2);
  if (begin == "\xFF\xD8") return jpeg_facts(file);
  if (begin == "\x89P" && take(file, 6) == "NG\r\n\x1A\n") return png_facts(file);
  return std::nullopt;
}

}  // namespace backlight
