#include "engine/image/preprocess.hpp"

#include <algorithm>

#include "engine/image/resize.hpp"

namespace backlight {
namespace {

/// Where a crop of `size` begins in `extent` pixels; negative when the picture must be padded.
std::int64_t crop_offset(std::int64_t extent, std::int64_t size) {
  if (size > extent) return -((size - extent) / 2);
  const std::int64_t half = (extent - size) / 2;
  const bool exactly_between = (extent - size) % 2 == 1;
  return exactly_between && half % 2 == 1 ? half + 1 : half;
}

/// Centre crop of the picture resized to width × height.
Fitted fit_crop(const Image& image, std::int64_t width, std::int64_t height, int size) {
  Fitted fitted;
  const std::int64_t left = crop_offset(width, size), top = crop_offset(height, size);
  const PixelRect window{std::max<std::int64_t>(left, 0), std::max<std::int64_t>(top, 0),
                         std::min(left + size, width), std::min(top + size, height)};
  Image part = resize_window(image, width, height, window);
  if (part.width == size && part.height == size) {
    fitted.seen = std::move(part);
  } else {
    fitted.seen = Image(size, size);
    for (int y = 0; y < part.height; ++y)
      std::copy_n(part.at(0, y), part.width * 3,
                  fitted.seen.at(static_cast<int>(window.x0 - left), static_cast<int>(window.y0 - top) + y));
  }
  fitted.placement.scale_x = static_cast<double>(image.width) / static_cast<double>(width);
  fitted.placement.scale_y = static_cast<double>(image.height) / static_cast<double>(height);
  fitted.placement.offset_x = static_cast<double>(left);
  fitted.placement.offset_y = static_cast<double>(top);
  return fitted;
}

}  // namespace

Preprocessing Preprocessing::torchvision(int input_size, int resize_size) {
  Preprocessing how;
  how.input_size = input_size;
  how.resize_size = resize_size;
  return how;
}

Preprocessing Preprocessing::efficientnet_lite(int input_size, int resize_size) {
  return {input_size, resize_size, 1, {127, 127, 127}, {128, 128, 128}, false};
}

Preprocessing Preprocessing::caffe(int input_size, int resize_size) {
  return {input_size, resize_size, 1, {103.939f, 116.779f, 123.68f}, {1, 1, 1}, true};
}

Preprocessing Preprocessing::cifar() { return torchvision(32, 32); }

std::string_view name_of(Fit fit) {
  switch (fit) {
    case Fit::crop:
      return "crop";
    case Fit::stretch:
      return "stretch";
    case Fit::none:
      return "none";
  }
  throw Error(ErrorKind::internal, "unknown fit ", static_cast<int>(fit));
}

Tensor normalise(const Image& image, const Preprocessing& how) {
  Tensor x({1, 3, image.height, image.width});
  const std::size_t pixels = static_cast<std::size_t>(image.width) * image.height;
  for (int c = 0; c < 3; ++c) {
    const std::uint8_t* from = image.rgb.data() + (how.bgr ? 2 - c : c);
    float* to = x.data<float>() + c * pixels;
    for (std::size_t i = 0; i < pixels; ++i)
      to[i] = (static_cast<float>(from[i * 3]) / how.divisor - how.mean[c]) / how.std[c];
  }
  return x;
}

Fitted preprocess(const Image& image, const Preprocessing& how, Fit fit) {
  if (how.input_size < 1 || how.resize_size < 1)
    throw Error(ErrorKind::bad_input, "preprocessing asks for an input of ", how.input_size,
                " from a short side of ", how.resize_size, " pixels, expected positive sizes");
  Fitted fitted;
  if (fit == Fit::crop) {
    const std::int64_t short_side = std::min(image.width, image.height);
    const auto resized = [&](std::int64_t side) { return how.resize_size * side / short_side; };
    fitted = fit_crop(image, resized(image.width), resized(image.height), how.input_size);
  } else if (fit == Fit::stretch) {
    fitted.seen = resize(image, how.input_size, how.input_size);
    fitted.placement.scale_x = static_cast<double>(image.width) / how.input_size;
    fitted.placement.scale_y = static_cast<double>(image.height) / how.input_size;
  } else {
    fitted.seen = image;
  }
  fitted.placement.source_width = image.width;
  fitted.placement.source_height = image.height;
  fitted.placement.input_width = fitted.seen.width;
  fitted.placement.input_height = fitted.seen.height;
  fitted.x = normalise(fitted.seen, how);
  return fitted;
}

}  // namespace backlight
