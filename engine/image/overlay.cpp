#include "engine/image/overlay.hpp"

#include <algorithm>
#include <cmath>

#include "engine/image/map.hpp"
#include "engine/image/resize.hpp"
#include "engine/image/saliency.hpp"
#include "engine/image/upsample.hpp"

namespace backlight {
namespace {

void require_same_size(const Image& image, const Tensor& map, const char* who) {
  const MapSize size = require_map(map, who);
  if (size.width != image.width || size.height != image.height)
    throw Error(ErrorKind::bad_input, "[", who, "] the map is ", size.height, "×", size.width,
                ", the picture ", image.height, "×", image.width,
                " (rows × columns); bring them to one size first");
}

Tensor crop_map(const Tensor& map, const PixelRect& rect) {
  Tensor out({rect.height(), rect.width()});
  const std::int64_t width = map.shape()[-1];
  for (std::int64_t y = 0; y < rect.height(); ++y)
    std::copy_n(map.data<float>() + (rect.y0 + y) * width + rect.x0, rect.width(),
                out.data<float>() + y * rect.width());
  return out;
}

void paste(Image& image, const Image& part, std::int64_t x0, std::int64_t y0) {
  for (int y = 0; y < part.height; ++y)
    std::copy_n(part.at(0, y), part.width * 3, image.at(static_cast<int>(x0), static_cast<int>(y0) + y));
}

/// Grey at 40 % brightness: recognisable, and not to be mistaken for a place without evidence.
Image dimmed(const Image& image) {
  Image out = image;
  for (std::size_t i = 0; i < out.rgb.size(); i += 3) {
    const int sum = out.rgb[i] + out.rgb[i + 1] + out.rgb[i + 2];
    std::fill_n(out.rgb.begin() + static_cast<std::ptrdiff_t>(i), 3, static_cast<std::uint8_t>(sum * 2 / 15));
  }
  return out;
}

Image overlay(const Image& image, const Tensor& map, OverlayStyle style) {
  switch (style) {
    case OverlayStyle::pytorch_grad_cam:
      return overlay_pytorch_grad_cam(image, map);
    case OverlayStyle::captum:
      return overlay_captum(image, map);
    case OverlayStyle::paper:
      return blend(image, colorize(map, ColorMap::paper_jet));
    case OverlayStyle::torch_cam:
      return overlay_torch_cam(image, map);
  }
  throw Error(ErrorKind::internal, "unknown overlay style ", static_cast<int>(style));
}

}  // namespace

Image overlay_pytorch_grad_cam(const Image& image, const Tensor& map, float image_weight) {
  require_same_size(image, map, "overlay");
  const auto values = map.values();
  std::vector<float> mixed(image.rgb.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Rgb heat = color_of(values[i], ColorMap::opencv_jet);
    for (std::size_t c = 0; c < 3; ++c)
      mixed[i * 3 + c] = (1 - image_weight) * (static_cast<float>(heat[c]) / 255) +
                         image_weight * (static_cast<float>(image.rgb[i * 3 + c]) / 255);
  }
  const float maximum = *std::max_element(mixed.begin(), mixed.end());
  Image out = image;
  std::transform(mixed.begin(), mixed.end(), out.rgb.begin(),
                 [&](float v) { return static_cast<std::uint8_t>(255 * (v / maximum)); });
  return out;
}

Image overlay_torch_cam(const Image& image, const Tensor& coarse_map, float image_weight) {
  Tensor map = upsample(coarse_map, image.height, image.width, Upsampling::bicubic);
  for (float& v : map.values()) v *= v;
  const Image heat = colorize(map, ColorMap::matplotlib_jet);
  Image out = image;
  // Pillow's blend, in single precision and truncated.
  for (std::size_t i = 0; i < out.rgb.size(); ++i)
    out.rgb[i] = static_cast<std::uint8_t>(static_cast<float>(heat.rgb[i]) +
                                           image_weight * static_cast<float>(image.rgb[i] - heat.rgb[i]));
  return out;
}

Image overlay_captum(const Image& image, const Tensor& map) {
  require_same_size(image, map, "overlay");
  Tensor shown = captum_normalise(map);
  for (float& v : shown.values()) v = (v + 1) / 2;
  std::vector<int> sums(shown.values().size());
  for (std::size_t i = 0; i < sums.size(); ++i)
    sums[i] = image.rgb[i * 3] + image.rgb[i * 3 + 1] + image.rgb[i * 3 + 2];
  const auto [low, high] = std::minmax_element(sums.begin(), sums.end());
  Image out = colorize(shown, ColorMap::red_white_green);
  for (std::size_t i = 0; i < out.rgb.size(); ++i) {
    const double stretched = *high > *low ? double(sums[i / 3] - *low) / (*high - *low) : 0.0;
    const int grey = static_cast<int>(std::min(stretched * 256, 255.0));
    // matplotlib's half is 127 of 255, and truncated.
    out.rgb[i] = static_cast<std::uint8_t>((grey * 128 + out.rgb[i] * 127) / 255);
  }
  return out;
}

Image blend(const Image& image, const Image& heat, float image_weight) {
  if (image.width != heat.width || image.height != heat.height)
    throw Error(ErrorKind::bad_input, "[blend] pictures of ", image.width, "×", image.height, " and ",
                heat.width, "×", heat.height, ", expected one size");
  Image out = image;
  std::transform(image.rgb.begin(), image.rgb.end(), heat.rgb.begin(), out.rgb.begin(), [&](int a, int b) {
    return static_cast<std::uint8_t>(
        std::lround(image_weight * static_cast<float>(a) + (1 - image_weight) * static_cast<float>(b)));
  });
  return out;
}

Image overlay_on_source(const Image& source, const Tensor& map, const Placement& placement,
                        OverlayStyle style) {
  const PixelRect seen = placement.seen();
  const Image part = crop(source, seen);
  Image out = dimmed(source);
  // torch-cam enlarges the coarse map itself, with its own filter.
  paste(
      out,
      overlay(part, style == OverlayStyle::torch_cam ? map.clone() : crop_map(project(map, placement), seen),
              style),
      seen.x0, seen.y0);
  return out;
}

Image place_on_source(const Image& picture, const Placement& placement, std::uint8_t surround) {
  Image out(placement.source_width, placement.source_height, surround);
  const PixelRect seen = placement.seen();
  // Sampled at pixel centres: a saliency picture is grain, which a filter would wash out.
  for (std::int64_t y = seen.y0; y < seen.y1; ++y) {
    const double row = (static_cast<double>(y) + 0.5) / placement.scale_y - placement.offset_y;
    const int from_y =
        std::clamp(static_cast<int>(row * picture.height / placement.input_height), 0, picture.height - 1);
    for (std::int64_t x = seen.x0; x < seen.x1; ++x) {
      const double column = (static_cast<double>(x) + 0.5) / placement.scale_x - placement.offset_x;
      const int from_x =
          std::clamp(static_cast<int>(column * picture.width / placement.input_width), 0, picture.width - 1);
      std::copy_n(picture.at(from_x, from_y), 3, out.at(static_cast<int>(x), static_cast<int>(y)));
    }
  }
  return out;
}

void draw_box(Image& image, const Box& box, Rgb color, int thickness) {
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
