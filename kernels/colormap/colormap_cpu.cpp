#include <algorithm>
#include <array>
#include <span>

#include "engine/image/map.hpp"
#include "kernels/colormap/colormap.hpp"

namespace backlight {
namespace {

constexpr int kColors = 256;

/// A corner of a piecewise linear channel.
struct Corner {
  double x, y;
};

/// Matplotlib's LinearSegmentedColormap: the channel sampled at i / 255, then truncated to 8 bits, so that
/// the last bit of its arithmetic counts.
constexpr std::uint8_t segmented(std::span<const Corner> corners, int index) {
  if (index == 0) return static_cast<std::uint8_t>(corners.front().y * 255);
  if (index == kColors - 1) return static_cast<std::uint8_t>(corners.back().y * 255);
  constexpr double kLast = kColors - 1;
  const double position = kLast * (index * (1.0 / kLast));
  std::size_t upper = 1;
  while (corners[upper].x * kLast < position) ++upper;
  const Corner &a = corners[upper - 1], &b = corners[upper];
  const double distance = (position - a.x * kLast) / (b.x * kLast - a.x * kLast);
  return static_cast<std::uint8_t>(std::clamp(distance * (b.y - a.y) + a.y, 0.0, 1.0) * 255);
}

constexpr Rgb matplotlib_jet(int index) {
  constexpr Corner kRed[] = {{0, 0}, {0.35, 0}, {0.66, 1}, {0.89, 1}, {1, 0.5}};
  constexpr Corner kGreen[] = {{0, 0}, {0.125, 0}, {0.375, 1}, {0.64, 1}, {0.91, 0}, {1, 0}};
  constexpr Corner kBlue[] = {{0, 0.5}, {0.11, 1}, {0.34, 1}, {0.65, 0}, {1, 0}};
  return {segmented(kRed, index), segmented(kGreen, index), segmented(kBlue, index)};
}

/// Matplotlib's "green" is (0, 128/255, 0).
constexpr Rgb red_white_green(int index) {
  constexpr Corner kRed[] = {{0, 1}, {0.5, 1}, {1, 0}};
  constexpr Corner kGreen[] = {{0, 0}, {0.5, 1}, {1, 128.0 / 255}};
  constexpr Corner kBlue[] = {{0, 0}, {0.5, 1}, {1, 0}};
  return {segmented(kRed, index), segmented(kGreen, index), segmented(kBlue, index)};
}

using Table = std::array<Rgb, kColors>;

constexpr Table table(Rgb (*color)(int index)) {
  Table colors{};
  for (int i = 0; i < kColors; ++i) colors[i] = color(i);
  return colors;
}

constexpr Table kOpencvJet = table(opencv_jet), kMatplotlibJet = table(matplotlib_jet),
                kRedWhiteGreen = table(red_white_green);

}  // namespace

std::string_view name_of(ColorMap map) {
  switch (map) {
    case ColorMap::opencv_jet:
      return "opencv-jet";
    case ColorMap::paper_jet:
      return "paper-jet";
    case ColorMap::matplotlib_jet:
      return "matplotlib-jet";
    case ColorMap::red_white_green:
      return "red-white-green";
  }
  throw Error(ErrorKind::internal, "unknown colour map ", static_cast<int>(map));
}

Rgb color_of(float value, ColorMap map) {
  const float v = value > 0 ? std::min(value, 1.0f) : 0.0f;
  const auto index256 = static_cast<std::size_t>(std::min(static_cast<int>(v * kColors), kColors - 1));
  switch (map) {
    case ColorMap::opencv_jet:
      return kOpencvJet[static_cast<std::size_t>(v * 255)];
    case ColorMap::paper_jet:
      return paper_jet(v);
    case ColorMap::matplotlib_jet:
      return kMatplotlibJet[index256];
    case ColorMap::red_white_green:
      return kRedWhiteGreen[index256];
  }
  throw Error(ErrorKind::internal, "unknown colour map ", static_cast<int>(map));
}

Image colorize(const Tensor& map, ColorMap color_map) {
  const MapSize size = require_map(map, "colorize");
  Image out(static_cast<int>(size.width), static_cast<int>(size.height));
  std::uint8_t* to = out.rgb.data();
  for (const float value : map.values()) to = std::ranges::copy(color_of(value, color_map), to).out;
  return out;
}

}  // namespace backlight
