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
  std::span<const std::uint8_t> colours(std::uint8_t packed) {
    return take(packed & 0x80 ? std::size_t{3} << ((packed & 7) + 1) : 0);
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
constexpr std::int64_t kMaxGifPixelsPerByte = 4096;

}  // namespace

ImageContainer inspect_gif(std::span<const std::uint8_t> bytes, std::string_view name) {
  constexpr std::size_t kBackground = 11;
  Blocks blocks(bytes, name);
  ImageContainer gif;
  const auto header = blocks.take(13);
  gif.width = little_endian(header.subspan(6), 2);
  gif.height = little_endian(header.subspan(8), 2);
  gif.provenance.format = "GIF";
  gif.provenance.palette = true;
  gif.frames = 0;
  if (gif.width == 0 || gif.height == 0) corrupt(name, "the GIF declares no pixels");
  if (gif.width * gif.height / kMaxGifPixelsPerByte > static_cast<std::int64_t>(bytes.size()))
    corrupt(name,
            text("a GIF of ", bytes.size(), " bytes cannot hold ", gif.width, "×", gif.height, " pixels"));
  const auto shared_colours = blocks.colours(header[10]);

  std::vector<std::size_t> controls;  // where the flags of graphic controls lie
  std::span<const std::uint8_t> colours;
  GifFrame& frame = gif.gif_frame;
  while (gif.frames < 2 && !(gif.frames == 1 && blocks.ended())) {
    const std::uint8_t kind = blocks.byte();
    if (kind == kExtension) {
      const std::uint8_t label = blocks.byte();
      if (label == kGraphicControl && gif.frames == 0) controls.push_back(blocks.at() + 1);
      blocks.skip_data();
    } else if (kind == kFrame) {
      ++gif.frames;
      const auto body = blocks.take(9);
      const auto own_colours = blocks.colours(body[8]);
      blocks.byte();  // the width of the first codes
      if (gif.frames > 1) break;
      blocks.skip_data();
      const auto number = [&](std::size_t at) {
        return static_cast<int>(little_endian(body.subspan(at), 2));
      };
      frame = {number(0), number(2), number(4), number(6), {}, {}, 0};
      frame.file.assign(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(blocks.at()));
      colours = own_colours.empty() ? shared_colours : own_colours;
    } else if (kind == kTrailer || gif.frames > 0) {
      break;
    } else {
      corrupt(name, text("the GIF has an unknown block at byte ", blocks.at() - 1));
    }
  }
  if (gif.frames == 0) corrupt(name, "the GIF holds no frame");
  gif.partial = frame.width < gif.width || frame.height < gif.height;
  std::size_t outside = 0;
  for (const std::size_t at : controls) {
    gif.provenance.alpha_dropped = (frame.file[at] & 1) != 0;
    frame.file[at] &= 0xFE;
    frame.flags = gif.provenance.alpha_dropped ? at : 0;
    outside = gif.provenance.alpha_dropped ? frame.file[at + 3] : 0;
  }
  if (outside * 3 < colours.size()) std::ranges::copy(colours.subspan(outside * 3, 3), frame.outside.begin());
  frame.file[kBackground] = 0;
  frame.file.push_back(kTrailer);
  return gif;
}

}  // namespace backlight
