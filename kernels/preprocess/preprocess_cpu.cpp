#include <algorithm>

#include "engine/image/planes.hpp"
#include "engine/image/resize.hpp"
#include "kernels/preprocess/preprocess.hpp"

namespace backlight {
namespace {

constexpr std::uint8_t kOpaque = 255;

/// Where a crop of `size` begins in `extent` pixels; negative when the picture must be padded.
std::int64_t crop_offset(std::int64_t extent, std::int64_t size) {
  if (size > extent) return -((size - extent) / 2);
  const std::int64_t half = (extent - size) / 2;
  const bool exactly_between = (extent - size) % 2 == 1;
  return exactly_between && half % 2 == 1 ? half + 1 : half;
}

/// Centre crop of the picture resized to plan.width × plan.height.
void plan_crop(FitPlan& plan, int size) {
  const std::int64_t left = crop_offset(plan.width, size), top = crop_offset(plan.height, size);
  plan.window = {std::max<std::int64_t>(left, 0), std::max<std::int64_t>(top, 0),
                 std::min(left + size, plan.width), std::min(top + size, plan.height)};
  plan.x = plan.window.x0 - left;
  plan.y = plan.window.y0 - top;
  plan.placement.offset_x = static_cast<double>(left);
  plan.placement.offset_y = static_cast<double>(top);
}

Image grey_of(const Image& image) {
  Image grey = image;
  for (std::size_t i = 0; i + 2 < grey.rgb.size(); i += 3) std::fill_n(&grey.rgb[i], 3, luma(&grey.rgb[i]));
  return grey;
}

}  // namespace

Preprocessing Preprocessing::torchvision(int input_size, int resize_size) {
  Preprocessing how;
  how.input_size = input_size;
  how.resize_size = resize_size;
  return how;
}

Preprocessing Preprocessing::efficientnet_lite(int input_size, int resize_size) {
  return {input_size, resize_size, 1, {127, 127, 127, 0}, {128, 128, 128, 255}};
}

Preprocessing Preprocessing::caffe(int input_size, int resize_size) {
  return {input_size, resize_size, 1, {103.939f, 116.779f, 123.68f, 0}, {1, 1, 1, 255}, true};
}

Preprocessing Preprocessing::cifar() { return torchvision(32, 32); }

Preprocessing with_channels(Preprocessing how, int channels) {
  if (how.channels == 3 && channels == 1)
    for (auto* each : {&how.mean, &how.std}) each->fill(((*each)[0] + (*each)[1] + (*each)[2]) / 3);
  how.channels = channels;
  return how;
}

void require_colors(const Preprocessing& how) {
  if (how.channels != 1 && how.channels != 3 && how.channels != 4)
    throw Error(ErrorKind::unsupported, "the network takes ", how.channels,
                " channels, and a picture gives 3 (red, green, blue), 4 (with alpha) or 1 (grey); what "
                "belongs into the "
                "others is not known: in C++, pass a tensor of 1×",
                how.channels, "×H×W to Explanation instead");
}

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
  require_pixels(image, "normalise");
  require_colors(how);
  if (how.channels == 4 && image.provenance.alpha_dropped)
    throw Error(ErrorKind::usage,
                "[normalise] the network takes alpha, and the picture's was dropped when it was "
                "read; read it with Alpha::keep (Preprocessing::alpha)");
  Tensor x({1, how.channels, image.height, image.width});
  const std::size_t pixels = static_cast<std::size_t>(image.width) * image.height;
  const Image grey = how.channels == 1 ? grey_of(image) : Image();
  const Image& samples = how.channels == 1 ? grey : image;
  const auto fill = [&](int c, const std::uint8_t* from, std::size_t step) {
    float* to = x.data<float>() + c * pixels;
    for (std::size_t i = 0; i < pixels; ++i)
      to[i] = (static_cast<float>(from[i * step]) / how.divisor - how.mean[c]) / how.std[c];
  };
  for (int c = 0; c < std::min(how.channels, 3); ++c) fill(c, samples.rgb.data() + (how.bgr ? 2 - c : c), 3);
  if (how.channels == 4 && image.alpha.empty())
    fill(3, &kOpaque, 0);
  else if (how.channels == 4)
    fill(3, image.alpha.data(), 1);
  return x;
}

FitPlan plan_fit(int image_width, int image_height, const Preprocessing& how, Fit fit) {
  if (how.input_size < 1 || how.resize_size < 1)
    throw Error(ErrorKind::bad_input, "preprocessing asks for an input of ", how.input_size,
                " from a short side of ", how.resize_size, " pixels, expected positive sizes");
  if (image_width < 1 || image_height < 1)
    throw Error(ErrorKind::bad_input, "[preprocess] the picture is ", image_width, "×", image_height,
                " pixels, expected at least one pixel");
  FitPlan plan;
  plan.placement.source_width = image_width;
  plan.placement.source_height = image_height;
  plan.placement.input_width = fit == Fit::none ? image_width : how.input_size;
  plan.placement.input_height = fit == Fit::none ? image_height : how.input_size;
  plan.width = plan.placement.input_width;
  plan.height = plan.placement.input_height;
  if (fit == Fit::crop) {
    const std::int64_t short_side = std::min(image_width, image_height);
    plan.width = how.resize_size * std::int64_t{image_width} / short_side;
    plan.height = how.resize_size * std::int64_t{image_height} / short_side;
    plan_crop(plan, how.input_size);
  } else {
    plan.window = {0, 0, plan.width, plan.height};
  }
  plan.placement.scale_x = static_cast<double>(image_width) / static_cast<double>(plan.width);
  plan.placement.scale_y = static_cast<double>(image_height) / static_cast<double>(plan.height);
  return plan;
}

Fitted preprocess(const Image& image, const Preprocessing& how, Fit fit) {
  require_pixels(image, "preprocess");
  const FitPlan plan = plan_fit(image.width, image.height, how, fit);
  Fitted fitted;
  fitted.placement = plan.placement;
  require_colors(how);
  const Image grey = how.channels == 1 ? grey_of(image) : Image();
  const Image& source = how.channels == 1 ? grey : image;
  Image part = fit == Fit::none
                   ? source
                   : resize_window(source, plan.width, plan.height, plan.window, how.interpolation);
  if (part.width == plan.placement.input_width && part.height == plan.placement.input_height) {
    fitted.seen = std::move(part);
  } else {
    fitted.seen = Image(plan.placement.input_width, plan.placement.input_height);
    if (how.channels == 4 && part.alpha.empty()) part.alpha.assign(part.rgb.size() / 3, kOpaque);
    for_each_plane(part, fitted.seen, [&](const std::uint8_t* from, std::uint8_t* to, auto channels) {
      for (int y = 0; y < part.height; ++y, from += part.width * channels)
        std::copy_n(from, part.width * channels, to + ((plan.y + y) * fitted.seen.width + plan.x) * channels);
    });
  }
  fitted.x = normalise(fitted.seen, how);
  return fitted;
}

}  // namespace backlight
