// Maps at the input x that weigh the gradient, with a baseline x′ of the input's shape:
//
//   saliency               max over channels of |∂y/∂x|              Simonyan et al. 2013, arXiv:1312.6034
//   input-x-gradient       x ∘ ∂y/∂x, x as the network gets it       Shrikumar et al. 2016, arXiv:1605.01713
//   integrated-gradients   (x − x′) ∘ Σ_m ω_m ∂y/∂x at x′ + t_m (x − x′)
//                                                                    Sundararajan et al. 2017, arXiv:1703.01365
//   gradient-shap          mean over draws of (x − x′) ∘ ∂y/∂x at x′ + t (x − x′), x′ one of M baselines and t in
//                          0…1 at random: expected gradients          Erion et al. 2019, arXiv:1906.10670
//
// Integrated gradients add up to y(x) − y(x′), up to the rule's error, and gradient-shap to y(x) − mean y(x′) of what
// was drawn, the more nearly the more draws there are: the result says both.
#include <algorithm>
#include <functional>
#include <numeric>

#include "engine/core/random.hpp"
#include "engine/explain/methods/list.hpp"
#include "engine/explain/methods/per_image.hpp"
#include "engine/explain/sampling.hpp"

namespace backlight {
namespace {

std::vector<Result> answer_plain_gradient(Probe& probe, const Question& question, BackwardRule rule) {
  return per_image(nullptr, &probe.gradient(probe.network().input(), question.target, rule));
}

std::vector<Result> answer_input_gradient(Probe& probe, const Question& question, BackwardRule rule) {
  Tensor product = probe.gradient(probe.network().input(), question.target, rule).clone();
  dispatch_dtype(product.dtype(), [&]<class T>() {
    std::ranges::transform(product.values<T>(), probe.input().values<T>(), product.values<T>().begin(),
                           std::multiplies<>());
  });
  return per_image(nullptr, &product);
}

/// A point on the way from a baseline to the picture, and what its gradient counts.
struct PathPoint {
  std::size_t baseline = 0;  ///< its place among them
  double at = 0, weight = 0;
};

/// Σ_m ω_m (x − x′_m) ∘ ∂y/∂x at x′_m + t_m (x − x′_m), which is to add up to y(x) − Σ_m ω_m y(x′_m).
std::vector<Result> along_paths(Probe& probe, const Question& question, const Tensor& baselines,
                                const std::vector<PathPoint>& points) {
  const Tensor x = probe.input().to(DType::f64);
  const auto images = static_cast<std::size_t>(x.shape()[0]);
  const std::size_t size = x.values<double>().size() / images;
  const auto from = [&](std::size_t baseline) {
    return baselines.values<double>().subspan(baseline * size, size);
  };
  const auto picture = [&](std::size_t image) { return x.values<double>().subspan(image * size, size); };
  std::vector<double> share(static_cast<std::size_t>(baselines.shape()[0]), 0.0);
  for (const PathPoint& point : points) share[point.baseline] += point.weight;
  Tensor sums = Tensor::zeros(x.shape(), DType::f64);
  std::vector<double> at_baselines(images, 0.0);
  // Behind the points the baselines themselves, for the target's values there.
  const std::size_t all = points.size() + share.size();
  for_each_variant(
      probe, method::gradient(), question, static_cast<std::int64_t>(all),
      [&](std::int64_t image, std::int64_t variant, std::span<double> to) {
        const auto m = static_cast<std::size_t>(variant);
        const PathPoint point = m < points.size() ? points[m] : PathPoint{m - points.size()};
        const auto start = from(point.baseline), end = picture(static_cast<std::size_t>(image));
        for (std::size_t i = 0; i < size; ++i) to[i] = start[i] + point.at * (end[i] - start[i]);
      },
      [&](std::int64_t image, std::int64_t variant, const Result& result, double value) {
        const auto n = static_cast<std::size_t>(image), m = static_cast<std::size_t>(variant);
        if (m >= points.size()) {
          at_baselines[n] += share[m - points.size()] * value;
          return;
        }
        const Tensor gradient = result.gradient.to(DType::f64);
        const auto start = from(points[m].baseline), end = picture(n);
        double* const sum = sums.data<double>() + n * size;
        for (std::size_t i = 0; i < size; ++i)
          sum[i] += points[m].weight * (end[i] - start[i]) * gradient.values<double>()[i];
      });
  const std::vector<double> at_input = probe.values(question.target);
  std::vector<Result> results(images);
  for (std::size_t n = 0; n < images; ++n) {
    const Tensor exact = image_of(sums, n);
    const std::span<const double> values = exact.values<double>();
    results[n].completeness = {std::accumulate(values.begin(), values.end(), 0.0),
                               at_input[n] - at_baselines[n]};
    results[n].gradient = exact.to(probe.input().dtype());
  }
  return results;
}

std::vector<Result> answer_integrated(Probe& probe, const Question& question, BackwardRule) {
  std::vector<PathPoint> points;
  for (const QuadratureNode& node : quadrature(question.path.rule, question.path.steps))
    points.push_back({0, node.at, node.weight});
  return along_paths(probe, question, baseline_of(question, probe.input()), points);
}

std::vector<Result> answer_gradient_shap(Probe& probe, const Question& question, BackwardRule) {
  const int draws = question.path.steps;
  if (draws < 1) throw Error(ErrorKind::usage, draws, " draws were asked for, expected 1 at least");
  const Tensor baselines = baselines_of(question, probe.input());
  std::vector<PathPoint> points;
  for (int m = 0; m < draws; ++m) {
    const std::uint64_t stream =
        random_bits(question.seed ^ hash_of("gradient-shap"), static_cast<std::uint64_t>(m));
    const double which = random_uniform(stream, 1) * static_cast<double>(baselines.shape()[0]);
    points.push_back({static_cast<std::size_t>(which), random_uniform(stream, 0), 1.0 / draws});
  }
  return along_paths(probe, question, baselines, points);
}

}  // namespace

namespace method {

Method saliency() {
  return {.name = "saliency",
          .summary = "how much a change of a pixel would change the score",
          .paper = "arXiv:1312.6034",
          .needs = {.input_gradient = true},
          .backwards = 1,
          .channels = ChannelReduction::max_abs,
          .answer = answer_plain_gradient};
}

Method input_x_gradient() {
  return {.name = "input-x-gradient",
          .summary = "what a pixel adds to the score, by its gradient alone",
          .paper = "arXiv:1605.01713",
          .needs = {.input_gradient = true},
          .backwards = 1,
          .counterfactual = true,
          .answer = answer_input_gradient};
}

Method integrated_gradients() {
  return {.name = "integrated-gradients",
          .summary = "what a pixel adds to the score, from a baseline to the picture",
          .paper = "arXiv:1703.01365",
          .needs = {.input_gradient = true},
          .forwards = 2 + Path().steps,
          .backwards = Path().steps,
          .counterfactual = true,
          .answer = answer_integrated};
}

Method gradient_shap() {
  return {.name = "gradient-shap",
          .summary = "integrated gradients at random places between random baselines and the picture",
          .paper = "arXiv:1906.10670",
          .needs = {.input_gradient = true},
          .forwards = 2 + Path().steps,
          .backwards = Path().steps,
          .counterfactual = true,
          .answer = answer_gradient_shap};
}

}  // namespace method
}  // namespace backlight
