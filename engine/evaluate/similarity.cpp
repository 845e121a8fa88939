#include "engine/evaluate/similarity.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "engine/core/error.hpp"

namespace backlight {
namespace {

constexpr std::int64_t kRadius = 5, kCell = 16, kBlock = 3, kOrientations = 9;

std::array<double, 2 * kRadius + 1> gaussian() {
  std::array<double, 2 * kRadius + 1> kernel{};
  double sum = 0;
  for (std::size_t i = 0; i < kernel.size(); ++i) {
    const double t = static_cast<double>(i) - kRadius;
    sum += kernel[i] = std::exp(-t * t / (2 * 1.5 * 1.5));
  }
  for (double& v : kernel) v /= sum;
  return kernel;
}

/// Blurred, of the pixels whose window lies within: (height − 10)×(width − 10).
template <class Value>
std::vector<double> windows(std::int64_t height, std::int64_t width, Value&& value) {
  static const auto kernel = gaussian();
  const std::int64_t out = width - 2 * kRadius;
  std::vector<double> across(static_cast<std::size_t>(height * out), 0.0);
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t x = 0; x < out; ++x)
      for (std::size_t t = 0; t < kernel.size(); ++t)
        across[static_cast<std::size_t>(y * out + x)] +=
            kernel[t] * value(static_cast<std::size_t>(y * width + x) + t);
  std::vector<double> both(static_cast<std::size_t>((height - 2 * kRadius) * out), 0.0);
  for (std::size_t i = 0; i < both.size(); ++i)
    for (std::size_t t = 0; t < kernel.size(); ++t)
      both[i] += kernel[t] * across[i + t * static_cast<std::size_t>(out)];
  return both;
}

void normalise(std::span<double> block) {
  double sum = 0;
  for (const double v : block) sum += v * v;
  const double length = std::sqrt(sum + 1e-10);
  for (double& v : block) v /= length;
}

void require_side(const char* what, std::int64_t height, std::int64_t width, std::int64_t least) {
  if (height < least || width < least)
    throw Error(ErrorKind::usage, what, " needs maps of ", least, "×", least, " at least, but they are ",
                height, "×", width);
}

}  // namespace

double ssim(std::span<const double> a, std::span<const double> b, std::int64_t height, std::int64_t width) {
  require_side("SSIM", height, width, 2 * kRadius + 1);
  if (std::ssize(a) != height * width || a.size() != b.size())
    throw Error(ErrorKind::usage, "SSIM of maps of ", a.size(), " and ", b.size(),
                " pixels was asked for, expected ", height, "×", width);
  constexpr double kC1 = 0.01 * 0.01, kC2 = 0.03 * 0.03, kSample = 121.0 / 120;
  const auto mean = [&](auto&& value) { return windows(height, width, value); };
  const std::vector<double> ux = mean([&](std::size_t i) { return a[i]; }),
                            uy = mean([&](std::size_t i) { return b[i]; }),
                            uxx = mean([&](std::size_t i) { return a[i] * a[i]; }),
                            uyy = mean([&](std::size_t i) { return b[i] * b[i]; }),
                            uxy = mean([&](std::size_t i) { return a[i] * b[i]; });
  double sum = 0;
  for (std::size_t i = 0; i < ux.size(); ++i) {
    const double vx = kSample * (uxx[i] - ux[i] * ux[i]), vy = kSample * (uyy[i] - uy[i] * uy[i]),
                 vxy = kSample * (uxy[i] - ux[i] * uy[i]);
    sum += (2 * ux[i] * uy[i] + kC1) * (2 * vxy + kC2) /
           ((ux[i] * ux[i] + uy[i] * uy[i] + kC1) * (vx + vy + kC2));
  }
  return sum / static_cast<double>(ux.size());
}

std::vector<double> hog(std::span<const double> map, std::int64_t height, std::int64_t width) {
  require_side("HOG", height, width, kBlock * kCell);
  const std::int64_t rows = height / kCell, columns = width / kCell;
  std::vector<double> cells(static_cast<std::size_t>(rows * columns * kOrientations), 0.0);
  const auto at = [&](std::int64_t y, std::int64_t x) {
    return map[static_cast<std::size_t>(y * width + x)];
  };
  for (std::int64_t y = 0; y < rows * kCell; ++y)
    for (std::int64_t x = 0; x < columns * kCell; ++x) {
      const double down = y > 0 && y + 1 < height ? at(y + 1, x) - at(y - 1, x) : 0,
                   across = x > 0 && x + 1 < width ? at(y, x + 1) - at(y, x - 1) : 0;
      double degrees = std::atan2(down, across) * 180 / std::numbers::pi;
      if (degrees < 0) degrees += 180;
      if (degrees >= 180) degrees -= 180;
      const std::int64_t bin =
          std::min(kOrientations - 1, static_cast<std::int64_t>(degrees / (180.0 / kOrientations)));
      cells[static_cast<std::size_t>((y / kCell * columns + x / kCell) * kOrientations + bin)] +=
          std::hypot(down, across) / (kCell * kCell);
    }
  std::vector<double> all;
  for (std::int64_t row = 0; row + kBlock <= rows; ++row)
    for (std::int64_t column = 0; column + kBlock <= columns; ++column) {
      const auto first = static_cast<std::ptrdiff_t>(all.size());
      for (std::int64_t y = row; y < row + kBlock; ++y) {
        const auto from = cells.begin() + (y * columns + column) * kOrientations;
        all.insert(all.end(), from, from + kBlock * kOrientations);
      }
      const std::span block(all.begin() + first, all.end());
      normalise(block);
      for (double& v : block) v = std::min(v, 0.2);
      normalise(block);
    }
  return all;
}

}  // namespace backlight
