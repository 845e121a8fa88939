// Which files of results are written, and pictures with the facts of their run.
#pragma once

#include <string>
#include <vector>

#include "engine/image/geometry.hpp"
#include "engine/image/image.hpp"
#include "kernels/colormap/colormap.hpp"
#include "tools/backlight/result_json.hpp"

namespace backlight::tools {

/// Which files are written.
struct Formats {
  bool overlay = false, heatmap = false, panel = false, npy = false, json = false;
  bool png = false, jpg = false;  ///< how pictures are written; PNG where neither is set
  bool box = false;               ///< localise, and draw the box in overlays

  const char* picture_extension() const { return jpg ? ".jpg" : ".png"; }
};

/// Those of --format; overlay where no file is named. Throws Error(usage) with near matches.
Formats parse_formats(const std::vector<std::string>& names);

/// A box of a result, in lines that suit the picture's size.
void draw_box_on(Image& image, const Box& box, Rgb color = {255, 255, 255});

/// `facts`, those of the run, the image and the result, travel in the picture. Throws Error(resources).
void write_picture(const std::string& path, const Image& image, const Json& facts, const Formats& formats,
                   Context& context);

}  // namespace backlight::tools
