#include <algorithm>

#include "engine/image/container.hpp"

namespace backlight {
namespace {

/// Reads a GIF's blocks from the front.
class Blocks {
 public:
  Blocks(std::span<const std::uint8_t> bytes, std::string_view name) : bytes_(bytes), name_(name) {}

  std::size_t at() const { return at_; }
  bool ended() const { return at_ >= bytes_.size(); }

  std::span<const std::uint8_t> take(std::size_t count) {
    if (bytes_.size() - at_ < count) corrupt(name_, "the GIF ends within its first frame");
    at_ += count;
    return bytes_.subspan(at_ - count, count);
  }
  std::uint8_t byte() { return take(1)[0]; }
  /// The colour table that a packed field announces.
  void skip_colours(std::uint8_t packed) {
    if (packed & 0x80) take(std::size_t{3} << ((packed & 7) + 1));
  }
  void skip_data() {
    while (const std::uint8_t length = byte()) take(length);
  }

 private:
  std::span<const std::uint8_t> bytes_;
  std::string_view name_;
  std::size_t at_ = 0;
};

constexpr std::uint8_t kExtension = 0x21, kFrame = 0x2C, kTrailer = 0x3B, kGraphicControl = 0xF9;
// A code of at most 12 bits stands for at most 4096 pixels.
constexpr std::int64_t kMaxPixelsPerByte = 4096;

}  // namespace

Gif inspect_gif(std::span<const std::uint8_t> bytes, std::string_view name) {
  constexpr std::size_t kBackground = 11;
  Blocks blocks(bytes, name);
  Gif gif;
  ImageContainer& container = gif.container;
  const auto header = blocks.take(13);
  container.width = little_endian(header.subspan(6), 2);
  container.height = little_endian(header.subspan(8), 2);
  container.provenance.format = "GIF";
  container.provenance.palette = true;
  container.frames = 0;
  if (container.width == 0 || container.height == 0) corrupt(name, "the GIF declares no pixels");
  if (container.width * container.height / kMaxPixelsPerByte > static_cast<std::int64_t>(bytes.size()))
    corrupt(name, text("a GIF of ", bytes.size(), " bytes cannot hold ", container.width, "×",
                       container.height, " pixels"));
  blocks.skip_colours(header[10]);

  std::vector<std::size_t> transparencies;  // where the flags of graphic controls lie
  while (container.frames < 2 && !(container.frames == 1 && blocks.ended())) {
    const std::uint8_t kind = blocks.byte();
    if (kind == kExtension) {
      const std::uint8_t label = blocks.byte();
      if (label == kGraphicControl && container.frames == 0) transparencies.push_back(blocks.at() + 1);
      blocks.skip_data();
    } else if (kind == kFrame) {
      ++container.frames;
      const auto frame = blocks.take(9);
      blocks.skip_colours(frame[8]);
      blocks.byte();  // the width of the first codes
      if (container.frames > 1) break;
      blocks.skip_data();
      gif.first_frame_pixels =
          std::int64_t{little_endian(frame.subspan(4), 2)} * little_endian(frame.subspan(6), 2);
      gif.first_frame.assign(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(blocks.at()));
    } else if (kind == kTrailer || container.frames > 0) {
      break;
    } else {
      corrupt(name, text("the GIF has an unknown block at byte ", blocks.at() - 1));
    }
  }
  if (container.frames == 0) corrupt(name, "the GIF holds no frame");
  for (const std::size_t at : transparencies) {
    container.provenance.alpha_dropped = (gif.first_frame[at] & 1) != 0;
    gif.first_frame[at] &= 0xFE;
  }
  gif.first_frame[kBackground] = 0;
  gif.first_frame.push_back(kTrailer);
  return gif;
}

}  // namespace backlight
