// From a picture to a network's input, as the network was trained, and back to places on the picture. CUDA's
// input has the CPU's bits.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "engine/core/tensor.hpp"
#include "engine/image/geometry.hpp"
#include "engine/image/image.hpp"
#include "engine/image/resample.hpp"
#include "kernels/cost.hpp"

namespace backlight {

class Context;

/// How a network wants its input: `(sample / divisor − mean) / std` per channel, in the order R G B or B G R, then
/// alpha where it takes that. What the makers below give is alpha from 0 to 1.
struct Preprocessing {
  int input_size = 224;                                  ///< side of the square input
  int resize_size = 256;                                 ///< length of the short side before the centre crop
  float divisor = 255;                                   ///< 255: samples in 0…1; 1: samples in 0…255
  std::array<float, 4> mean = {0.485f, 0.456f, 0.406f, 0};  ///< in the network's channel order
  std::array<float, 4> std = {0.229f, 0.224f, 0.225f, 1};
  bool bgr = false;
  Filter interpolation = Filter::bilinear;  ///< of the resize, antialiased as Pillow's
  int channels =
      3;  ///< of the input: 3, 4 with alpha, or 1 for grey, by Pillow's formula, with mean[0] and std[0]

  /// torchvision's ImageNet networks: 0…1, mean .485 .456 .406, std .229 .224 .225.
  static Preprocessing torchvision(int input_size = 224, int resize_size = 256);
  /// EfficientNet-Lite: (pixel − 127) / 128.
  static Preprocessing efficientnet_lite(int input_size = 224, int resize_size = 256);
  /// Caffe networks: B G R, 0…255, minus 103.939 116.779 123.68.
  static Preprocessing caffe(int input_size = 224, int resize_size = 256);
  /// The CIFAR ResNets: 32×32 without a margin, torchvision's mean and std.
  static Preprocessing cifar();

  /// How to read pictures for it.
  Alpha alpha() const { return channels == 4 ? Alpha::keep : Alpha::drop; }

  friend bool operator==(const Preprocessing&, const Preprocessing&) = default;
};

/// The same for a network of so many input channels: where one takes the place of three, mean and std are
/// averaged.
Preprocessing with_channels(Preprocessing how, int channels);

/// A pixel of three bytes in grey, as Pillow's convert("L") has it: ITU-R 601-2 luma in 16-bit fixed point.
constexpr std::uint8_t luma(const std::uint8_t* rgb) {
  return static_cast<std::uint8_t>((rgb[0] * 19595u + rgb[1] * 38470u + rgb[2] * 7471u + 0x8000u) >> 16);
}

/// How a picture of any shape becomes the network's input.
enum class Fit {
  crop,     ///< short side to resize_size, then the central square: torchvision
  stretch,  ///< both sides to input_size: the original Grad-CAM code; the whole picture is seen
  none,     ///< as it is, at its own size; only for networks that accept any size
};

/// "crop", "stretch", "none".
std::string_view name_of(Fit fit);

/// The steps from a picture of a given size to the input.
struct FitPlan {
  std::int64_t width = 0, height = 0;  ///< of the resized picture
  PixelRect window;                    ///< the part of it that is seen
  std::int64_t x = 0, y = 0;           ///< where the window lies in the input; the rest is black
  Placement placement;
};

/// Throws Error(bad_input) for sizes that are not positive.
FitPlan plan_fit(int image_width, int image_height, const Preprocessing& how, Fit fit = Fit::crop);

struct Fitted {
  Tensor x;    ///< 1×C×H×W float32, normalised
  Image seen;  ///< the same pixels before normalising: H×W, what the network sees, grey for one channel
  Placement placement;  ///< from input pixels to pixels of the picture given
};

/// Resizes as Pillow does and crops as torchvision does: the long side is truncated, the offset is
/// round((size − input) / 2) with halves to even, a picture smaller than the crop is padded with black.
/// A network of one channel gets the picture in grey, converted before it is resized. One of four gets alpha as
/// the fourth, opaque where the picture has none, 0 where it is padded; the colours are resized without regard to
/// it. Throws Error(unsupported) for other numbers of channels: what a picture should give them is not known;
/// Error(bad_input) for an image that is none; Error(usage) for four channels where alpha was dropped when the
/// picture was read.
Fitted preprocess(const Image& image, const Preprocessing& how, Fit fit = Fit::crop);

/// Throws Error(unsupported) unless the network takes 1, 3 or 4 channels.
void require_colors(const Preprocessing& how);

/// Only the arithmetic: 1×C×H×W from the picture at its own size, by preprocess()'s rules.
Tensor normalise(const Image& image, const Preprocessing& how);

/// One pass of the resize. Output i is (2²¹ + Σ_k in[first_i + k] · weights[i · stride + k]) >> 22, clamped
/// to 8 bits; `taps` holds first and count of every output.
struct ResizeAxis {
  std::int64_t in = 0, out = 0;
  int stride = 0;
  const std::int32_t* taps = nullptr;
  const std::int32_t* weights = nullptr;
};

struct PreprocessParams {
  ResizeAxis across, down;
  bool vertical_first = false;
  std::int64_t pitch = 0;  ///< bytes from one row of the picture to the next

  std::int64_t width = 0, height = 0;  ///< of the network's input
  std::int64_t x = 0, y = 0;           ///< where the resized picture lies in it; the rest is black
  float divisor = 1;
  std::array<float, 3> mean{}, std{};  ///< in the network's order of channels
  bool bgr = false;
  int channels = 3;  ///< of the input; one is the picture's grey, by Pillow's formula
};

namespace cuda {

/// picture: down.in rows of across.in pixels of three bytes. Writes the input, channels × height × width, and
/// what the network sees, height × width × 3. In the context's stream.
void preprocess(Context& context, const PreprocessParams& params, const std::uint8_t* picture,
                std::uint8_t* seen, float* x);

/// The picture between the passes is written and read again; every tap is a multiplication and an addition
/// for each colour, every input value three operations.
constexpr Cost preprocess_cost(const PreprocessParams& p) {
  const std::int64_t between = p.vertical_first ? p.across.in * p.down.out : p.across.out * p.down.in;
  const std::int64_t resized = p.across.out * p.down.out, input = p.width * p.height;
  const std::int64_t first = p.vertical_first ? p.down.stride : p.across.stride,
                     second = p.vertical_first ? p.across.stride : p.down.stride;
  return {3 * (p.across.in * p.down.in + 2 * between + input) + 4 * p.channels * input,
          6 * (between * first + resized * second) + 3 * p.channels * input};
}

}  // namespace cuda
}  // namespace backlight
