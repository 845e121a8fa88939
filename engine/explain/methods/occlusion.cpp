// Occlusion (Zeiler and Fergus 2013, arXiv:1311.2901): what the target loses where a window of the picture is replaced
// by that of a baseline x′, of all channels at once:
//
//   L_ij = mean over the windows W that hold i, j of y(x) − y(x with x′ in W)
//
// Windows stand at 0, stride, 2·stride, …, the last ones of a row and column cut at the rim: captum's. The paper shows
// the target by the window's place, which is the same where windows do not overlap. The map has the input's size.
#include <algorithm>

#include "engine/core/random.hpp"
#include "engine/explain/methods/list.hpp"
#include "engine/explain/sampling.hpp"

namespace backlight {
namespace {

/// Of windows, row by row.
struct WindowGrid {
  std::int64_t height, width, side, stride;

  WindowGrid(const Shape& input, const std::optional<Window>& window)
      : height(input[2]),
        width(input[3]),
        side(window ? window->side : std::max<std::int64_t>(1, std::min(height, width) / 14)),
        stride(window ? window->stride : side) {}
  std::int64_t along(std::int64_t extent) const {
    return 1 + std::max<std::int64_t>(0, (extent - side + stride - 1) / stride);
  }
  std::int64_t count() const { return along(height) * along(width); }
  template <class Fn>
  void for_each_pixel(std::int64_t window, Fn&& fn) const {
    const std::int64_t top = window / along(width) * stride, left = window % along(width) * stride;
    for (std::int64_t y = top; y < std::min(top + side, height); ++y)
      for (std::int64_t x = left; x < std::min(left + side, width); ++x)
        fn(static_cast<std::size_t>(y * width + x));
  }
};

std::vector<Result> answer_occlusion(Probe& probe, const Question& question, BackwardRule) {
  const Shape& shape = probe.input().shape();
  const WindowGrid windows(shape, question.window);
  const auto plane = static_cast<std::size_t>(shape[2] * shape[3]);
  const Tensor baseline = baseline_of(question, probe.input());
  const std::span<const double> hidden = baseline.values<double>();
  const std::string name = text("occlusion ", windows.side, " ", windows.stride, " ",
                                hash_of({reinterpret_cast<const char*>(hidden.data()), hidden.size_bytes()}));
  std::vector<Result> results;
  for (std::int64_t n = 0; n < shape[0]; ++n) {
    // Behind the windows the picture itself.
    const std::vector<double> values = values_of_variants(
        probe, question, n, name, windows.count() + 1, [&](std::int64_t window, std::span<double> x) {
          if (window == windows.count()) return;
          for (std::size_t channel = 0; channel < x.size(); channel += plane)
            windows.for_each_pixel(window, [&](std::size_t i) { x[channel + i] = hidden[channel + i]; });
        });
    Tensor map = Tensor::zeros({shape[2], shape[3]}, DType::f64);
    std::vector<double> covering(plane, 0.0);
    for (std::int64_t window = 0; window < windows.count(); ++window)
      windows.for_each_pixel(window, [&](std::size_t i) {
        map.values<double>()[i] += values.back() - values[static_cast<std::size_t>(window)];
        ++covering[i];
      });
    for (std::size_t i = 0; i < plane; ++i) map.values<double>()[i] /= covering[i];
    results.emplace_back().map = ClassMap{{}, map.to(probe.input().dtype())};
  }
  return results;
}

}  // namespace

Method method::occlusion() {
  return {.name = "occlusion",
          .summary = "what the score loses where a window of the picture is hidden, without a gradient",
          .paper = "arXiv:1311.2901",
          .passes = "window",
          .counterfactual = true,
          .answer = answer_occlusion};
}

}  // namespace backlight
