#include "tools/backlight/formats.hpp"

#include <algorithm>
#include <array>

#include "engine/core/version.hpp"
#include "engine/image/write.hpp"
#include "kernels/overlay/overlay.hpp"
#include "tools/backlight/common.hpp"

namespace backlight::tools {

Formats parse_formats(const std::vector<std::string>& names) {
  constexpr std::array<std::pair<std::string_view, bool Formats::*>, 7> kFormats{{
      {"overlay", &Formats::overlay},
      {"heatmap", &Formats::heatmap},
      {"panel", &Formats::panel},
      {"npy", &Formats::npy},
      {"json", &Formats::json},
      {"png", &Formats::png},
      {"jpg", &Formats::jpg},
  }};
  Formats formats;
  for (const std::string& name : names) formats.*parse_choice("format", name, kFormats) = true;
  if (formats.png && formats.jpg)
    throw Error(ErrorKind::usage,
                "--format: png and jpg were both given, but pictures are written in one of them");
  if (!formats.overlay && !formats.heatmap && !formats.panel && !formats.npy && !formats.json)
    formats.overlay = true;
  return formats;
}

void draw_box_on(Image& image, const Box& box, Rgb color) {
  draw_box(image, box, color, std::max(2, std::min(image.width, image.height) / 150));
}

void write_picture(const std::string& path, const Image& image, const Json& facts, const Formats& formats,
                   Context& context) {
  const PictureText texts[] = {{"Software", "backlight " + std::string(version())},
                               {"backlight", dump(facts)}};
  if (formats.jpg)
    write_jpeg(path, image, texts);
  else
    write_png(path, image, texts, &context);
}

}  // namespace backlight::tools
