#include <algorithm>
#include <utility>

#include "engine/image/container.hpp"
#include "engine/image/planes.hpp"

namespace backlight {

int exif_orientation(std::span<const std::uint8_t> tiff) {
  constexpr std::uint64_t kOrientationTag = 0x0112;
  constexpr std::uint64_t kTypeShort = 3;
  constexpr std::size_t kEntryBytes = 12;
  if (tiff.size() < 8 || tiff[0] != tiff[1] || (tiff[0] != 'I' && tiff[0] != 'M')) return 1;
  const bool little = tiff[0] == 'I';
  const auto read = [&](std::size_t offset, int count) {
    std::uint64_t value = 0;
    for (int i = 0; i < count; ++i) value = value << 8 | tiff[offset + (little ? count - 1 - i : i)];
    return value;
  };
  const std::size_t directory = read(4, 4);
  if (read(2, 2) != 42 || directory + 2 > tiff.size()) return 1;
  const std::size_t entries = std::min(read(directory, 2), (tiff.size() - directory - 2) / kEntryBytes);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + i * kEntryBytes;
    if (read(entry, 2) != kOrientationTag) continue;
    const std::uint64_t value = read(entry + 8, 2);
    return read(entry + 2, 2) == kTypeShort && value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

Image apply_orientation(Image image, int orientation) {
  if (orientation < 1 || orientation > 8)
    throw Error(ErrorKind::bad_input, "EXIF orientation is ", orientation, ", expected 1 to 8");
  if (orientation == 1) return image;
  require_pixels(image, "orientation");
  // An orientation is a transposition followed by mirrorings, read from the upright picture's side.
  const bool transpose = orientation >= 5;
  const bool mirror_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool mirror_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Image upright(transpose ? image.height : image.width, transpose ? image.width : image.height);
  for_each_plane(image, upright, [&](const std::uint8_t* from, std::uint8_t* to, auto channels) {
    for (int y = 0; y < upright.height; ++y)
      for (int x = 0; x < upright.width; ++x, to += channels) {
        const int column = transpose ? y : x, row = transpose ? x : y;
        const std::size_t pixel =
            static_cast<std::size_t>(mirror_y ? image.height - 1 - row : row) * image.width +
            (mirror_x ? image.width - 1 - column : column);
        std::copy_n(from + pixel * channels, channels(), to);
      }
  });
  upright.provenance = std::move(image.provenance);
  return upright;
}

}  // namespace backlight
