#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "engine/image/codec.hpp"
#include "engine/image/container.hpp"
#include "engine/image/image.hpp"

namespace backlight {
namespace {

struct Magic {
  std::size_t offset;
  std::string_view bytes;
  std::string_view format;
};

constexpr std::string_view kPng("\x89PNG\r\n\x1a\n", 8);
constexpr std::string_view kJpeg("\xFF\xD8\xFF", 3);
constexpr std::array<Magic, 14> kOtherFormats = {{
    {8, "WEBP", "a WebP picture"},
    {0, "GIF8", "a GIF"},
    {0, std::string_view("II*\0", 4), "a TIFF"},
    {0, std::string_view("MM\0*", 4), "a TIFF"},
    {4, "ftypavif", "an AVIF picture"},
    {4, "ftypavis", "an AVIF animation"},
    {4, "ftyphei", "a HEIC picture"},
    {4, "ftyphev", "a HEIC picture"},
    {4, "ftypmif1", "a HEIF picture"},
    {0, std::string_view("\0\0\0\x0CJXL ", 8), "a JPEG XL picture"},
    {0, std::string_view("\0\0\0\x0CjP  ", 8), "a JPEG 2000 picture"},
    {0, "BM", "a BMP"},
    {0, "8BPS", "a Photoshop document"},
    {0, "%PDF", "a PDF"},
}};

bool has(std::string_view bytes, std::size_t offset, std::string_view magic) {
  return bytes.size() >= offset + magic.size() && bytes.substr(offset, magic.size()) == magic;
}

[[noreturn]] void refuse_format(std::string_view bytes, std::string_view name) {
  if (bytes.empty())
    throw Error(ErrorKind::bad_input, name, ": the file is empty, expected a PNG or JPEG picture");
  for (const Magic& magic : kOtherFormats)
    if (has(bytes, magic.offset, magic.bytes))
      throw Error(ErrorKind::unsupported, name, ": is ", magic.format,
                  ", which is not supported; convert it to PNG or JPEG");
  throw Error(ErrorKind::bad_input, name, ": is not a picture that backlight knows, expected PNG or JPEG");
}

Image decode_pixels(std::span<const std::uint8_t> bytes, const ImageContainer& container,
                    std::string_view name) {
  const std::string& format = container.provenance.format;
  Pixels pixels =
      format == "PNG" ? decode_png(bytes) : decode_jpeg(bytes, container.width * container.height);
  if (!pixels.failure.empty())
    throw Error(ErrorKind::bad_input, name, ": the ", format, " cannot be decoded (", pixels.failure,
                "); open it in an image editor and save it anew");
  if (pixels.width != container.width || pixels.height != container.height)
    throw Error(ErrorKind::bad_input, name, ": the ", format, " declares two sizes, ", container.width, "×",
                container.height, " and ", pixels.width, "×", pixels.height);
  Image image;
  image.width = pixels.width;
  image.height = pixels.height;
  image.rgb = std::move(pixels.rgb);
  return image;
}

}  // namespace

Image decode_image(std::span<const std::uint8_t> bytes, std::string_view name, ExifOrientation orientation) {
  const std::string_view view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const bool png = has(view, 0, kPng);
  if (!png && !has(view, 0, kJpeg)) refuse_format(view, name);
  if (static_cast<std::int64_t>(bytes.size()) > kMaxImageFileBytes)
    throw Error(ErrorKind::bad_input, name, ": the file has ", bytes.size(), " bytes, at most ",
                kMaxImageFileBytes, " are read");

  ImageContainer container = png ? inspect_png(bytes, name) : inspect_jpeg(bytes, name);
  if (container.width * container.height > kMaxPixels)
    throw Error(ErrorKind::bad_input, name, ": ", container.width, "×", container.height, " pixels, at most ",
                kMaxPixels, " are decoded; make the picture smaller first");
  Image image = decode_pixels(bytes, container, name);
  image.provenance = std::move(container.provenance);
  if (orientation == ExifOrientation::ignore) return image;
  image.provenance.orientation_applied = image.provenance.exif_orientation != 1;
  return apply_orientation(std::move(image), image.provenance.exif_orientation);
}

Image read_image(const std::string& path, ExifOrientation orientation) {
  if (std::filesystem::is_directory(path))
    throw Error(ErrorKind::bad_input, path, ": is a directory, expected a PNG or JPEG file");
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const std::streamoff size = file ? static_cast<std::streamoff>(file.tellg()) : -1;
  if (size < 0) throw Error(ErrorKind::bad_input, path, ": cannot be opened (", std::strerror(errno), ")");
  if (size > kMaxImageFileBytes)
    throw Error(ErrorKind::bad_input, path, ": the file has ", size, " bytes, at most ", kMaxImageFileBytes,
                " are read");
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(bytes.data()), size);
  if (file.gcount() != size)
    throw Error(ErrorKind::bad_input, path, ": cannot be read (", std::strerror(errno), ")");
  return decode_image(bytes, path, orientation);
}

}  // namespace backlight
