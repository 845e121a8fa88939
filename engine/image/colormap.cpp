#include "engine/image/colormap.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "engine/image/map.hpp"

namespace backlight {
namespace {

constexpr int kColors = 256;

/// A node of a piecewise linear channel.
struct Node {
  double x, y;
};

/// Matplotlib's LinearSegmentedColormap: the channel sampled at i / 255, then truncated to 8 bits, so that
/// the last bit of its arithmetic counts.
constexpr std::uint8_t segmented(std::span<const Node> nodes, int index) {
  if (index == 0) return static_cast<std::uint8_t>(nodes.front().y * 255);
  if (index == kColors - 1) return static_cast<std::uint8_t>(nodes.back().y * 255);
  constexpr double kLast = kColors - 1;
  const double position = kLast * (index * (1.0 / kLast));
  std::size_t upper = 1;
  while (nodes[upper].x * kLast < position) ++upper;
  const Node &a = nodes[upper - 1], &b = nodes[upper];
  const double distance = (position - a.x * kLast) / (b.x * kLast - a.x * kLast);
  return static_cast<std::uint8_t>(std::clamp(distance * (b.y - a.y) + a.y, 0.0, 1.0) * 255);
}

constexpr Rgb matplotlib_jet(int index) {
  constexpr Node kRed[] = {{0, 0}, {0.35, 0}, {0.66, 1}, {0.89, 1}, {1, 0.5}};
  constexpr Node kGreen[] = {{0, 0}, {0.125, 0}, {0.375, 1}, {0.64, 1}, {0.91, 0}, {1, 0}};
  constexpr Node kBlue[] = {{0, 0.5}, {0.11, 1}, {0.34, 1}, {0.65, 0}, {1, 0}};
  return {segmented(kRed, index), segmented(kGreen, index), segmented(kBlue, index)};
}

/// Matplotlib's "green" is (0, 128/255, 0).
constexpr Rgb red_white_green(int index) {
  constexpr Node kRed[] = {{0, 1}, {0.5, 1}, {1, 0}};
  constexpr Node kGreen[] = {{0, 0}, {0.5, 1}, {1, 128.0 / 255}};
  constexpr Node kBlue[] = {{0, 0}, {0.5, 1}, {1, 0}};
  return {segmented(kRed, index), segmented(kGreen, index), segmented(kBlue, index)};
}

constexpr Rgb opencv_jet(int index) {
  const auto byte = [](int v) { return static_cast<std::uint8_t>(std::clamp(v, 0, 255)); };
  // The formula gives 2 at index 159; OpenCV's table, rounded from decimals, has 1.
  const int falling_blue = index == 159 ? 1 : 638 - 4 * index;
  const int red = index < 160 ? 4 * index - 382 : 1148 - 4 * index;
  const int green = index < 128 ? 4 * index - 128 : 892 - 4 * index;
  const int blue = index < 64 ? 128 + 4 * index : falling_blue;
  return {byte(red), byte(green), byte(blue)};
}

using Table = std::array<Rgb, kColors>;

constexpr Table table(Rgb (*color)(int index)) {
  Table colors{};
  for (int i = 0; i < kColors; ++i) colors[i] = color(i);
  return colors;
}

constexpr Table kOpencvJet = table(opencv_jet), kMatplotlibJet = table(matplotlib_jet),
                kRedWhiteGreen = table(red_white_green);

Rgb paper_jet(float value) {
  const float x = 4 * value;
  const auto byte = [](float v) {
    return static_cast<std::uint8_t>(double{255 * std::clamp(v, 0.0f, 1.0f)} + 0.5);  // to nearest
  };
  return {byte(x - 2), byte(std::min(x, 4 - x)), byte(2 - x)};
}

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
