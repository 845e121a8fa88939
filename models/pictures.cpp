#include "models/pictures.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <vector>

#include "kernels/saliency/saliency.hpp"
#include "models/memory.hpp"
#include "weights/load.hpp"

namespace backlight {
namespace {

/// A Gaussian along lines of values that lie `stride` apart; the outermost go on beyond the ends.
void blur_lines(std::vector<double>& values, std::int64_t length, std::int64_t stride,
                const std::vector<double>& taps) {
  const auto radius = static_cast<std::int64_t>(taps.size()) - 1;
  const auto lines = static_cast<std::int64_t>(values.size()) / length;
  std::vector<double> line(static_cast<std::size_t>(length));
  for (std::int64_t l = 0; l < lines; ++l) {
    double* const at = values.data() + l / stride * stride * length + l % stride;
    for (std::int64_t i = 0; i < length; ++i) line[static_cast<std::size_t>(i)] = at[i * stride];
    for (std::int64_t i = 0; i < length; ++i) {
      double sum = 0;
      for (std::int64_t k = -radius; k <= radius; ++k)
        sum += taps[static_cast<std::size_t>(std::abs(k))] *
               line[static_cast<std::size_t>(std::clamp<std::int64_t>(i + k, 0, length - 1))];
      at[i * stride] = sum;
    }
  }
}

Tensor blurred(const Tensor& x) {
  const Shape& shape = x.shape();
  const double sigma = static_cast<double>(std::min(shape[2], shape[3])) / 20;
  std::vector<double> taps;  // one side, to three σ
  for (int k = 0; k <= static_cast<int>(std::ceil(3 * sigma)); ++k)
    taps.push_back(std::exp(-0.5 * (k / sigma) * (k / sigma)));
  const double all = 2 * std::accumulate(taps.begin(), taps.end(), 0.0) - taps.front();
  for (double& tap : taps) tap /= all;
  std::vector<double> values(x.values().begin(), x.values().end());
  blur_lines(values, shape[3], 1, taps);
  blur_lines(values, shape[2], shape[3], taps);
  Tensor result(shape);
  std::ranges::transform(values, result.values().begin(), [](double v) { return static_cast<float>(v); });
  return result;
}

}  // namespace

Tensor baseline(Baseline which, const Tensor& x, const Preprocessing& how) {
  Tensor from = which == Baseline::blur ? blurred(x) : Tensor::zeros(x.shape());
  const auto plane = static_cast<std::size_t>(x.shape()[2] * x.shape()[3]);
  for (std::size_t c = 0; c < from.values().size() / plane; ++c) {
    const std::span<float> channel = from.values().subspan(c * plane, plane);
    if (c == 3)
      std::ranges::copy(x.values().subspan(c * plane, plane), channel.begin());
    else if (which == Baseline::black)
      std::ranges::fill(channel, -how.mean[c] / how.std[c]);
  }
  return from;
}

Fitted fit_picture(const Image& image, const Model& model, Fit fit, bool backward_to_input) {
  const int side = model.info.preprocessing.input_size;
  const bool own_size = fit == Fit::none;
  const std::int64_t channels = model.info.preprocessing.channels;
  const Shape input =
      own_size ? Shape{1, channels, image.height, image.width} : Shape{1, channels, side, side};
  const char* way_out = own_size ? "; use the fit crop or stretch" : "; use a smaller input size";
  std::int64_t needed = 0;
  try {
    needed = least_memory(model.network, input, backward_to_input);
  } catch (const Error& error) {
    throw Error(ErrorKind::bad_input, "the picture is ", image.width, "×", image.height, ", a size that ",
                model.info.name, " does not take: ", error.what(), way_out);
  }
  if (const std::int64_t there = free_memory(); needed > there)
    throw Error(ErrorKind::resources, own_size ? "the picture is " : "the network's input is ", input[3], "×",
                input[2], ", for which ", model.info.name, " needs ", needed >> 20, " MiB at least, and ",
                there >> 20, " are free", way_out);
  return preprocess(image, model.info.preprocessing, fit);
}

std::shared_ptr<const InputRange> input_range(const Method& method, const Tensor& x,
                                              const Preprocessing& how) {
  if (method.rule != BackwardRule::lrp_gamma_box) return nullptr;
  InputRange range{Tensor(x.shape().with(0, 1)), Tensor(x.shape().with(0, 1))};
  const auto plane = static_cast<std::size_t>(x.shape()[2] * x.shape()[3]);
  for (std::size_t i = 0; i < range.least.values().size(); ++i) {
    const std::size_t c = i / plane;
    range.least.values()[i] = -how.mean[c] / how.std[c];
    range.greatest.values()[i] = (255 / how.divisor - how.mean[c]) / how.std[c];
  }
  return std::make_shared<const InputRange>(std::move(range));
}

Result explain_picture(Probe& probe, const Method& method, const Question& question,
                       const Preprocessing& how) {
  Question asked = question;
  if (!asked.range) asked.range = input_range(method, probe.input(), how);
  Result result = std::move(method.explain(probe, asked).front());
  require_finite("the result of " + std::string(method.name), result.raw());
  if (result.gradient.defined()) result.gradient = to_rgb_order(std::move(result.gradient), how);
  return result;
}

}  // namespace backlight
