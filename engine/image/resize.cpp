#include "engine/image/resize.hpp"

#include <algorithm>
#include <utility>

#include "engine/image/planes.hpp"

namespace backlight {
namespace {

// Weights in fixed point, and 8-bit rounding after each pass, are part of the result: Pillow's Resample.c
// does so.
constexpr std::int32_t kRounding = 1 << (kResizeFractionBits - 1);

FixedWeights fixed_point(ResampleWeights exact) {
  FixedWeights fixed{exact.stride, std::move(exact.taps), {}};
  fixed.weights.reserve(exact.weights.size());
  for (const double w : exact.weights)
    fixed.weights.push_back(static_cast<std::int32_t>((w < 0 ? -0.5 : 0.5) + w * (1 << kResizeFractionBits)));
  return fixed;
}

std::uint8_t to_byte(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kResizeFractionBits, 0, 255));
}

/// Of the part of the image, whose pixels the taps count.
Image horizontal_pass(const Image& image, const PixelRect& part, const FixedWeights& fixed) {
  Image out(static_cast<int>(fixed.taps.size()), static_cast<int>(part.height()));
  for_each_plane(image, out, [&](const std::uint8_t* samples, std::uint8_t* to, auto channels) {
    constexpr int kChannels = channels;
    for (int y = 0; y < out.height; ++y) {
      const std::uint8_t* row = samples + ((part.y0 + y) * image.width + part.x0) * kChannels;
      const std::int32_t* w = fixed.weights.data();
      for (const auto& [first, count] : fixed.taps) {
        std::int32_t sum[kChannels];
        std::fill_n(sum, kChannels, kRounding);
        const std::uint8_t* from = row + first * kChannels;
        for (int k = 0; k < count; ++k)
          for (int c = 0; c < kChannels; ++c) sum[c] += from[k * kChannels + c] * w[k];
        for (int c = 0; c < kChannels; ++c) *to++ = to_byte(sum[c]);
        w += fixed.stride;
      }
    }
  });
  return out;
}

Image vertical_pass(const Image& image, const PixelRect& part, const FixedWeights& fixed) {
  Image out(static_cast<int>(part.width()), static_cast<int>(fixed.taps.size()));
  for_each_plane(image, out, [&](const std::uint8_t* samples, std::uint8_t* to, auto channels) {
    std::vector<std::int32_t> sum(static_cast<std::size_t>(out.width) * channels);
    for (int y = 0; y < out.height; ++y) {
      const auto [first, count] = fixed.taps[y];
      const std::int32_t* w = &fixed.weights[static_cast<std::size_t>(y) * fixed.stride];
      std::fill(sum.begin(), sum.end(), kRounding);
      for (int k = 0; k < count; ++k) {
        const std::uint8_t* from = samples + ((part.y0 + first + k) * image.width + part.x0) * channels;
        for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += from[i] * w[k];
      }
      to = std::transform(sum.begin(), sum.end(), to, to_byte);
    }
  });
  return out;
}

/// The inputs that the weights touch; from then on they count from the first of these.
std::pair<std::int64_t, std::int64_t> rebase(ResampleWeights& weights) {
  const std::int64_t begin = weights.taps.front().first;
  const std::int64_t end = weights.taps.back().first + weights.taps.back().count;
  for (auto& taps : weights.taps) taps.first -= begin;
  return {begin, end};
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

ResizePlan plan_resize(std::int64_t in_width, std::int64_t in_height, std::int64_t width, std::int64_t height,
                       const PixelRect& window, Filter filter) {
  require_within(window, width, height);
  ResampleWeights columns = resample_weights(in_width, width, window.x0, window.x1, filter);
  ResampleWeights rows = resample_weights(in_height, height, window.y0, window.y1, filter);
  const auto [x0, x1] = rebase(columns);
  const auto [y0, y1] = rebase(rows);
  const bool vertical_first = height < in_height && in_height - height > 2 * (in_width - width);
  return {{x0, y0, x1, y1}, fixed_point(std::move(columns)), fixed_point(std::move(rows)), vertical_first};
}

Image resize_window(const Image& image, std::int64_t width, std::int64_t height, const PixelRect& window,
                    Filter filter) {
  require_pixels(image, "resize");
  const ResizePlan plan = plan_resize(image.width, image.height, width, height, window, filter);
  const auto all_of = [](const Image& i) { return PixelRect{0, 0, i.width, i.height}; };
  const Image first = plan.vertical_first ? vertical_pass(image, plan.needed, plan.down)
                                          : horizontal_pass(image, plan.needed, plan.across);
  Image out = plan.vertical_first ? horizontal_pass(first, all_of(first), plan.across)
                                  : vertical_pass(first, all_of(first), plan.down);
  out.provenance = image.provenance;
  return out;
}

}  // namespace backlight
