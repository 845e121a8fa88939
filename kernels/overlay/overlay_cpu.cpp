#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <vector>

#include "engine/image/map.hpp"
#include "kernels/overlay/overlay.hpp"
#include "kernels/saliency/saliency.hpp"
#include "kernels/upsample/upsample.hpp"

namespace backlight {
namespace {

constexpr float kHalf = 0.5f, kTorchCamWeight = 0.7f;

void require_same_size(const Image& image, const Tensor& map, const char* who) {
  const MapSize size = require_map(map, who);
  if (size.width != image.width || size.height != image.height)
    throw Error(ErrorKind::bad_input, "[", who, "] the map is ", size.height, "×", size.width,
                ", the picture ", image.height, "×", image.width,
                " (rows × columns); bring them to one size first");
}

/// Grey at 40 % brightness: recognisable, and not to be mistaken for a place without evidence.
void dim(std::uint8_t* begin, std::uint8_t* end) {
  for (std::uint8_t* p = begin; p != end; p += 3)
    std::fill_n(p, 3, static_cast<std::uint8_t>((p[0] + p[1] + p[2]) * 2 / 15));
}

void dim_around(Image& image, const PixelRect& seen) {
  for (int y = 0; y < image.height; ++y) {
    std::uint8_t* row = image.at(0, y);
    std::uint8_t* end = row + std::ptrdiff_t{3} * image.width;
    if (y < seen.y0 || y >= seen.y1) {
      dim(row, end);
    } else {
      dim(row, row + 3 * seen.x0);
      dim(row + 3 * seen.x1, end);
    }
  }
}

/// What overlay styles work on: the part of a picture that is drawn over in place, and a map of its size by
/// rows.
struct Canvas {
  Image& image;
  PixelRect part;
  std::function<void(std::int64_t y, float* to)> map_row;

  /// Calls visit(pixels, values, width) for every row.
  template <class Visit>
  void for_each_row(Visit visit) const {
    std::vector<float> values(static_cast<std::size_t>(part.width()));
    for (std::int64_t y = 0; y < part.height(); ++y) {
      map_row(y, values.data());
      visit(image.at(static_cast<int>(part.x0), static_cast<int>(part.y0 + y)), values.data(), values.size());
    }
  }
};

/// The mixture of a heatmap's and a picture's sample, for all pairs of them.
class Mixture {
 public:
  /// mix(heat, picture) gives the byte.
  template <class Mix>
  explicit Mixture(Mix mix) : table_(std::size_t{256} * 256) {
    for (int heat = 0; heat < 256; ++heat)
      for (int picture = 0; picture < 256; ++picture)
        table_[static_cast<std::size_t>(heat) * 256 + picture] = mix(heat, picture);
  }
  std::uint8_t operator()(std::uint8_t heat, std::uint8_t picture) const {
    return table_[heat * 256u + picture];
  }

 private:
  std::vector<std::uint8_t> table_;
};

void mix_in(const Canvas& canvas, ColorMap colors, const Mixture& mixture) {
  canvas.for_each_row([&](std::uint8_t* pixels, const float* values, std::size_t width) {
    for (std::size_t x = 0; x < width; ++x) {
      const Rgb heat = color_of(values[x], colors);
      for (std::size_t c = 0; c < 3; ++c) pixels[3 * x + c] = mixture(heat[c], pixels[3 * x + c]);
    }
  });
}

void require_share(float image_weight) {
  if (!(image_weight >= 0 && image_weight <= 1))
    throw Error(ErrorKind::bad_input, "[overlay] the picture's share is ", image_weight, ", expected 0 to 1");
}

void draw_pytorch_grad_cam(const Canvas& canvas, float image_weight) {
  require_share(image_weight);
  const auto mixed = [image_weight](int heat, int picture) {
    return (1 - image_weight) * (static_cast<float>(heat) / 255) +
           image_weight * (static_cast<float>(picture) / 255);
  };
  std::array<float, 256> heat_share, picture_share;
  for (int v = 0; v < 256; ++v) {
    heat_share[v] = mixed(v, 0);
    picture_share[v] = mixed(0, v);
  }
  float maximum = 0;
  canvas.for_each_row([&](const std::uint8_t* pixels, const float* values, std::size_t width) {
    for (std::size_t x = 0; x < width; ++x) {
      const Rgb heat = color_of(values[x], ColorMap::opencv_jet);
      for (std::size_t c = 0; c < 3; ++c)
        maximum = std::max(maximum, heat_share[heat[c]] + picture_share[pixels[3 * x + c]]);
    }
  });
  // Pairs that do not occur may lie above the maximum.
  const auto byte = [&](int heat, int picture) {
    const float share = maximum > 0 ? mixed(heat, picture) / maximum : 0.0f;
    return static_cast<std::uint8_t>(std::min(255 * share, 255.0f));
  };
  mix_in(canvas, ColorMap::opencv_jet, Mixture(byte));
}

void draw_torch_cam(const Canvas& canvas, float image_weight) {
  require_share(image_weight);
  // Pillow's blend, in single precision and truncated.
  mix_in(canvas, ColorMap::matplotlib_jet, Mixture([&](int heat, int picture) {
           return static_cast<std::uint8_t>(static_cast<float>(heat) +
                                            image_weight * static_cast<float>(picture - heat));
         }));
}

void draw_captum(const Canvas& canvas) {
  int low = 3 * 255, high = 0;
  for (std::int64_t y = canvas.part.y0; y < canvas.part.y1; ++y) {
    const std::uint8_t* p = canvas.image.at(static_cast<int>(canvas.part.x0), static_cast<int>(y));
    for (const std::uint8_t* end = p + 3 * canvas.part.width(); p != end; p += 3) {
      low = std::min(low, p[0] + p[1] + p[2]);
      high = std::max(high, p[0] + p[1] + p[2]);
    }
  }
  const float scale = captum_scale(canvas.part.height(), canvas.part.width(), canvas.map_row);
  canvas.for_each_row([&](std::uint8_t* pixels, const float* values, std::size_t width) {
    for (std::size_t x = 0; x < width; ++x) {
      std::uint8_t* p = pixels + 3 * x;
      const float shown = scale > 0 ? std::clamp(values[x] / scale, -1.0f, 1.0f) : 0.0f;
      const Rgb color = color_of((shown + 1) / 2, ColorMap::red_white_green);
      const double stretched = high > low ? double(p[0] + p[1] + p[2] - low) / (high - low) : 0.0;
      const int grey = static_cast<int>(std::min(stretched * 256, 255.0));
      // matplotlib's half is 127 of 255, and truncated.
      for (std::size_t c = 0; c < 3; ++c)
        p[c] = static_cast<std::uint8_t>((grey * 128 + color[c] * 127) / 255);
    }
  });
}

Mixture weighted(float image_weight) {
  require_share(image_weight);
  return Mixture([image_weight](int heat, int picture) {
    return static_cast<std::uint8_t>(std::lround(image_weight * static_cast<float>(picture) +
                                                 (1 - image_weight) * static_cast<float>(heat)));
  });
}

/// A canvas of the whole picture, and of a map that has its size.
Canvas whole(Image& image, const Tensor& map) {
  require_pixels(image, "overlay");
  require_same_size(image, map, "overlay");
  const float* values = map.data<float>();
  const std::int64_t width = image.width;
  return {image, {0, 0, width, image.height}, [=](std::int64_t y, float* to) {
            std::copy_n(values + y * width, width, to);
          }};
}

std::function<void(std::int64_t, float*)> squared(const MapRows& rows) {
  return [&rows](std::int64_t y, float* to) {
    rows.row(y, to);
    for (std::int64_t x = 0; x < rows.width(); ++x) to[x] *= to[x];
  };
}

}  // namespace

Image overlay_pytorch_grad_cam(const Image& image, const Tensor& map, float image_weight) {
  Image out = image;
  draw_pytorch_grad_cam(whole(out, map), image_weight);
  return out;
}

Image overlay_torch_cam(const Image& image, const Tensor& coarse_map, float image_weight) {
  require_pixels(image, "overlay");
  Image out = image;
  const MapRows rows(coarse_map, image.height, image.width, Upsampling::bicubic);
  draw_torch_cam({out, {0, 0, image.width, image.height}, squared(rows)}, image_weight);
  return out;
}

Image overlay_captum(const Image& image, const Tensor& map) {
  Image out = image;
  draw_captum(whole(out, map));
  return out;
}

Image blend(const Image& image, const Image& heat, float image_weight) {
  require_pixels(image, "blend");
  require_pixels(heat, "blend");
  if (image.width != heat.width || image.height != heat.height)
    throw Error(ErrorKind::bad_input, "[blend] pictures of ", image.width, "×", image.height, " and ",
                heat.width, "×", heat.height, ", expected one size");
  const Mixture mixture = weighted(image_weight);
  Image out = image;
  std::ranges::transform(heat.rgb, image.rgb, out.rgb.begin(), mixture);
  return out;
}

Image overlay_on_source(const Image& source, const Tensor& map, const Placement& placement,
                        OverlayStyle style) {
  require_pixels(source, "overlay");
  if (source.width != placement.source_width || source.height != placement.source_height)
    throw Error(ErrorKind::bad_input, "[overlay] the picture is ", source.width, "×", source.height,
                ", the placement is of a picture of ", placement.source_width, "×", placement.source_height);
  const PixelRect seen = placement.seen();
  // torch-cam enlarges the coarse map itself, with its own filter.
  const MapRows rows = style == OverlayStyle::torch_cam
                           ? MapRows(map, seen.height(), seen.width(), Upsampling::bicubic)
                           : MapRows(map, placement);
  Image out = source;
  dim_around(out, seen);
  const Canvas canvas{out, seen, [&](std::int64_t y, float* to) { rows.row(y, to); }};
  switch (style) {
    case OverlayStyle::pytorch_grad_cam:
      draw_pytorch_grad_cam(canvas, kHalf);
      break;
    case OverlayStyle::captum:
      draw_captum(canvas);
      break;
    case OverlayStyle::paper:
      mix_in(canvas, ColorMap::paper_jet, weighted(kHalf));
      break;
    case OverlayStyle::torch_cam:
      draw_torch_cam({out, seen, squared(rows)}, kTorchCamWeight);
      break;
  }
  return out;
}

Image heatmap_on_source(const Tensor& map, const Placement& placement, ColorMap colors) {
  const MapRows rows(map, placement);
  const PixelRect seen = placement.seen();
  Image out(placement.source_width, placement.source_height);
  const Rgb nothing = color_of(colors == ColorMap::red_white_green ? kHalf : 0.0f, colors);
  for (std::size_t i = 0; i < out.rgb.size(); ++i) out.rgb[i] = nothing[i % 3];
  const Canvas canvas{out, seen, [&](std::int64_t y, float* to) { rows.row(y, to); }};
  canvas.for_each_row([&](std::uint8_t* pixels, const float* values, std::size_t width) {
    for (std::size_t x = 0; x < width; ++x) std::ranges::copy(color_of(values[x], colors), pixels + 3 * x);
  });
  return out;
}

Image place_on_source(const Image& picture, const Placement& placement, std::uint8_t surround) {
  require_pixels(picture, "place");
  const PixelRect seen = placement.seen();
  Image out(placement.source_width, placement.source_height, surround);
  // Sampled at pixel centres: a saliency picture is grain, which a filter would wash out.
  std::vector<int> from_x;
  for (std::int64_t x = seen.x0; x < seen.x1; ++x) {
    const double column = (static_cast<double>(x) + 0.5) / placement.scale_x - placement.offset_x;
    from_x.push_back(
        std::clamp(static_cast<int>(column * picture.width / placement.input_width), 0, picture.width - 1));
  }
  for (std::int64_t y = seen.y0; y < seen.y1; ++y) {
    const double row = (static_cast<double>(y) + 0.5) / placement.scale_y - placement.offset_y;
    const int from_y =
        std::clamp(static_cast<int>(row * picture.height / placement.input_height), 0, picture.height - 1);
    std::uint8_t* to = out.at(static_cast<int>(seen.x0), static_cast<int>(y));
    for (const int x : from_x) to = std::copy_n(picture.at(x, from_y), 3, to);
  }
  return out;
}

void draw_box(Image& image, const Box& box, Rgb color, int thickness) {
  require_pixels(image, "box");
  const auto edge = [](double v, int extent) {
    return static_cast<int>(std::lround(std::clamp(v, 0.0, double(extent))));
  };
  const int x0 = edge(box.x0, image.width), x1 = edge(box.x1, image.width);
  const int y0 = edge(box.y0, image.height), y1 = edge(box.y1, image.height);
  for (int y = y0; y < y1; ++y) {
    const bool horizontal_edge = y < y0 + thickness || y >= y1 - thickness;
    for (int x = x0; x < x1; ++x)
      if (horizontal_edge || x < x0 + thickness || x >= x1 - thickness)
        std::ranges::copy(color, image.at(x, y));
  }
}

}  // namespace backlight
