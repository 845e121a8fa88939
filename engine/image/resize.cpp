#include "engine/image/resize.hpp"

#include <algorithm>
#include <utility>

namespace backlight {
namespace {

// Weights in fixed point, and 8-bit rounding after each pass, are part of the result: Pillow's Resample.c
// does so. Eight bits for the sample and two for overshoot of the cubic leave 22 for the fraction.
constexpr int kPrecisionBits = 32 - 8 - 2;

struct FixedWeights {
  int stride;
  std::vector<ResampleWeights::Taps> taps;
  std::vector<std::int32_t> weights;
};

FixedWeights fixed_point(ResampleWeights exact) {
  FixedWeights fixed{exact.stride, std::move(exact.taps), {}};
  fixed.weights.reserve(exact.weights.size());
  for (const double w : exact.weights)
    fixed.weights.push_back(static_cast<std::int32_t>((w < 0 ? -0.5 : 0.5) + w * (1 << kPrecisionBits)));
  return fixed;
}

std::uint8_t to_byte(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kPrecisionBits, 0, 255));
}

/// Resizes rows [row_begin, row_end) of the picture along x.
Image horizontal_pass(const Image& image, std::int64_t row_begin, std::int64_t row_end,
                      const FixedWeights& fixed) {
  Image out(static_cast<int>(fixed.taps.size()), static_cast<int>(row_end - row_begin));
  for (int y = 0; y < out.height; ++y) {
    const std::uint8_t* row = image.at(0, static_cast<int>(row_begin) + y);
    std::uint8_t* to = out.at(0, y);
    const std::int32_t* w = fixed.weights.data();
    for (const auto& [first, count] : fixed.taps) {
      std::int32_t sum[3] = {1 << (kPrecisionBits - 1), 1 << (kPrecisionBits - 1), 1 << (kPrecisionBits - 1)};
      const std::uint8_t* from = row + first * 3;
      for (int k = 0; k < count; ++k)
        for (int c = 0; c < 3; ++c) sum[c] += from[k * 3 + c] * w[k];
      for (int c = 0; c < 3; ++c) *to++ = to_byte(sum[c]);
      w += fixed.stride;
    }
  }
  return out;
}

/// Resizes along y; row 0 of `image` is row `row_begin` of the picture that the weights speak of.
Image vertical_pass(const Image& image, std::int64_t row_begin, const FixedWeights& fixed) {
  Image out(image.width, static_cast<int>(fixed.taps.size()));
  const std::size_t row_bytes = static_cast<std::size_t>(image.width) * 3;
  std::vector<std::int32_t> sum(row_bytes);
  for (int y = 0; y < out.height; ++y) {
    const auto [first, count] = fixed.taps[y];
    const std::int32_t* w = &fixed.weights[static_cast<std::size_t>(y) * fixed.stride];
    std::fill(sum.begin(), sum.end(), 1 << (kPrecisionBits - 1));
    for (int k = 0; k < count; ++k) {
      const std::uint8_t* from = image.at(0, static_cast<int>(first - row_begin) + k);
      for (std::size_t i = 0; i < row_bytes; ++i) sum[i] += from[i] * w[k];
    }
    std::transform(sum.begin(), sum.end(), out.at(0, y), to_byte);
  }
  return out;
}

void require_within(const PixelRect& rect, std::int64_t width, std::int64_t height) {
  if (rect.x0 < 0 || rect.y0 < 0 || rect.x1 > width || rect.y1 > height || rect.width() < 1 ||
      rect.height() < 1)
    throw Error(ErrorKind::bad_input, "the part [", rect.x0, ", ", rect.x1, ")×[", rect.y0, ", ", rect.y1,
                ") was asked of a picture of ", width, "×", height, " pixels");
}

}  // namespace

Image resize(const Image& image, int width, int height, Filter filter) {
  return resize_window(image, width, height, {0, 0, width, height}, filter);
}

Image resize_window(const Image& image, std::int64_t width, std::int64_t height, const PixelRect& window,
                    Filter filter) {
  require_within(window, width, height);
  const FixedWeights columns =
      fixed_point(resample_weights(image.width, width, window.x0, window.x1, filter));
  const FixedWeights rows = fixed_point(resample_weights(image.height, height, window.y0, window.y1, filter));
  const std::int64_t row_begin = rows.taps.front().first;
  const std::int64_t row_end = rows.taps.back().first + rows.taps.back().count;
  Image out = vertical_pass(horizontal_pass(image, row_begin, row_end, columns), row_begin, rows);
  out.provenance = image.provenance;
  return out;
}

Image crop(const Image& image, const PixelRect& rect) {
  require_within(rect, image.width, image.height);
  Image out(static_cast<int>(rect.width()), static_cast<int>(rect.height()));
  for (int y = 0; y < out.height; ++y)
    std::copy_n(image.at(static_cast<int>(rect.x0), static_cast<int>(rect.y0) + y), out.width * 3,
                out.at(0, y));
  out.provenance = image.provenance;
  return out;
}

}  // namespace backlight
