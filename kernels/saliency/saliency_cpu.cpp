#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <utility>
#include <vector>

#include "engine/image/map.hpp"
#include "kernels/colormap/colormap.hpp"
#include "kernels/saliency/saliency.hpp"

namespace backlight {
namespace {

/// Of what is shown: alpha's gradient is not.
struct GradientSize {
  int channels, height, width;
  std::size_t pixels;
};

GradientSize require_gradient(const Tensor& gradient, const char* who) {
  const Shape& shape = gradient.shape();
  const bool batch_of_one = shape.rank() == 4 && shape[0] == 1;
  if (!gradient.defined() || (shape.rank() != 3 && !batch_of_one) ||
      (shape[-3] != 3 && shape[-3] != 4 && shape[-3] != 1) || shape.numel() == 0)
    throw Error(ErrorKind::bad_input, "[", who, "] the gradient is ", shape,
                ", expected 3×H×W, 4×H×W or 1×H×W");
  const auto values = gradient.values();
  if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); }))
    throw Error(ErrorKind::bad_input, "[", who, "] the gradient ", shape, " holds NaN or infinity");
  return {shape[-3] == 1 ? 1 : 3, static_cast<int>(shape[-2]), static_cast<int>(shape[-1]),
          static_cast<std::size_t>(shape[-2] * shape[-1])};
}

/// Planes to interleaved pixels, each value through `to_byte`; one plane to all three colours.
template <class ToByte>
Image interleave(const Tensor& gradient, const GradientSize& size, ToByte to_byte) {
  Image out(size.width, size.height);
  const float* from = gradient.data<float>();
  for (std::size_t c = 0; c < 3; ++c)
    for (std::size_t i = 0; i < size.pixels; ++i)
      out.rgb[i * 3 + c] = to_byte(from[(size.channels == 3 ? c * size.pixels : 0) + i]);
  return out;
}

}  // namespace

Image saliency_deprocess(const Tensor& gradient) {
  const GradientSize size = require_gradient(gradient, "saliency");
  const auto values = gradient.values().first(size.channels * size.pixels);
  const double count = static_cast<double>(values.size());
  double sum = 0;
  for (const float v : values) sum += v;
  const double mean = sum / count;
  double squares = 0;
  for (const float v : values) squares += (v - mean) * (v - mean);
  const float shift = static_cast<float>(mean);
  const float spread = static_cast<float>(std::sqrt(squares / count)) + 1e-5f;
  return interleave(gradient, size, [&](float v) {
    const float shown = (v - shift) / spread * 0.1f + 0.5f;
    return static_cast<std::uint8_t>(std::clamp(shown, 0.0f, 1.0f) * 255);
  });
}

Image saliency_min_max(const Tensor& gradient) {
  const GradientSize size = require_gradient(gradient, "saliency");
  const auto values = gradient.values().first(size.channels * size.pixels);
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const double minimum = *low, range = double(*high) - minimum;
  return interleave(gradient, size, [&](float v) {
    const double shown = range > 0 ? (v - minimum) / range : 0.5;
    return static_cast<std::uint8_t>(std::lround(shown * 255));
  });
}

float captum_scale(std::int64_t height, std::int64_t width,
                   const std::function<void(std::int64_t, float*)>& row) {
  constexpr double kKept = 0.98;
  constexpr std::size_t kBins = std::size_t{1} << 16;
  std::vector<float> values(static_cast<std::size_t>(width));
  const auto for_each_magnitude = [&](auto visit) {
    for (std::int64_t y = 0; y < height; ++y) {
      row(y, values.data());
      for (const float v : values) visit(std::abs(v));
    }
  };
  // The bits of positive floats are in the order of their values: the upper 16 find the bin, the lower 16 the
  // value.
  const auto bits = [](float magnitude) { return std::bit_cast<std::uint32_t>(magnitude); };
  std::vector<double> sums(kBins);
  for_each_magnitude([&](float m) { sums[bits(m) >> 16] += m; });
  double total = 0;
  for (const double sum : sums) total += sum;
  if (total == 0) return 0;
  double below = 0;
  std::size_t bin = 0;
  while (bin + 1 < kBins && below + sums[bin] < total * kKept) below += sums[bin++];
  std::vector<std::int64_t> counts(kBins);
  for_each_magnitude([&](float m) {
    if (bits(m) >> 16 == bin) ++counts[bits(m) & 0xFFFF];
  });
  float scale = 0;
  for (std::size_t low = 0; low < kBins && (scale == 0 || below < total * kKept); ++low) {
    if (counts[low] == 0) continue;
    scale = std::bit_cast<float>(static_cast<std::uint32_t>(bin << 16 | low));
    below += static_cast<double>(counts[low]) * scale;
  }
  return scale;
}

Tensor captum_normalise(const Tensor& attribution) {
  const MapSize size = require_map(attribution, "captum normalise");
  Tensor out({size.height, size.width});
  const auto values = attribution.values();
  const float scale = captum_scale(size.height, size.width, [&](std::int64_t y, float* to) {
    std::copy_n(values.begin() + y * size.width, size.width, to);
  });
  std::transform(values.begin(), values.end(), out.values().begin(),
                 [&](float v) { return scale > 0 ? std::clamp(v / scale, -1.0f, 1.0f) : 0.0f; });
  return out;
}

Image saliency_captum(const Tensor& gradient) {
  const GradientSize size = require_gradient(gradient, "saliency");
  Tensor sum = Tensor::zeros({size.height, size.width});
  const float* from = gradient.data<float>();
  for (std::size_t c = 0; c < static_cast<std::size_t>(size.channels); ++c)
    for (std::size_t i = 0; i < size.pixels; ++i) sum.values()[i] += from[c * size.pixels + i];
  Tensor shown = captum_normalise(sum);
  for (float& v : shown.values()) v = (v + 1) / 2;
  return colorize(shown, ColorMap::red_white_green);
}

Tensor to_rgb_order(Tensor gradient, const Preprocessing& how) {
  const GradientSize size = require_gradient(gradient, "channel order");
  if (how.bgr && size.channels == 3) {
    float* blue = gradient.data<float>();
    std::swap_ranges(blue, blue + size.pixels, blue + 2 * size.pixels);
  }
  return gradient;
}

}  // namespace backlight
