// Maps at the input x that weigh the gradient, with a baseline x′ of the input's shape:
//
//   saliency               max over channels of |∂y/∂x|              Simonyan et al. 2013, arXiv:1312.6034
//   input-x-gradient       x ∘ ∂y/∂x, x as the network gets it       Shrikumar et al. 2016, arXiv:1605.01713
//   integrated-gradients   (x − x′) ∘ Σ_m ω_m ∂y/∂x at x′ + t_m (x − x′)
//                                                                    Sundararajan et al. 2017, arXiv:1703.01365
//
// Integrated gradients add up to y(x) − y(x′), up to the rule's error: the result says both.
#include <algorithm>
#include <functional>

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

std::vector<Result> answer_integrated(Probe& probe, const Question& question, BackwardRule) {
  const Tensor x = probe.input().to(DType::f64), from = baseline_of(question, x);
  const std::vector<QuadratureNode> nodes = quadrature(question.path.rule, question.path.steps);
  const auto images = static_cast<std::size_t>(x.shape()[0]);
  const std::size_t size = from.values<double>().size();
  const auto difference = [&](std::size_t image, std::size_t i) {
    return x.values<double>()[image * size + i] - from.values<double>()[i];
  };
  std::vector<double> sums(images * size, 0.0), at_baseline(images, 0.0);
  // One variant more than nodes: the baseline itself, for the target's value there.
  const auto last = static_cast<std::int64_t>(nodes.size());
  for_each_variant(
      probe, method::gradient(), question, last + 1,
      [&](std::int64_t image, std::int64_t m, std::span<double> to) {
        const double t = m == last ? 0 : nodes[static_cast<std::size_t>(m)].at;
        for (std::size_t i = 0; i < size; ++i)
          to[i] = from.values<double>()[i] + t * difference(static_cast<std::size_t>(image), i);
      },
      [&](std::int64_t image, std::int64_t m, const Result& result, double value) {
        const auto n = static_cast<std::size_t>(image);
        if (m == last) {
          at_baseline[n] = value;
          return;
        }
        const Tensor gradient = result.gradient.to(DType::f64);
        for (std::size_t i = 0; i < size; ++i)
          sums[n * size + i] += nodes[static_cast<std::size_t>(m)].weight * gradient.values<double>()[i];
      });
  const std::vector<double> at_input = probe.values(question.target);
  std::vector<Result> results(images);
  for (std::size_t n = 0; n < images; ++n) {
    Tensor exact(Shape(x.shape().extents().subspan(1)), DType::f64);
    Completeness& total = results[n].completeness.emplace();
    for (std::size_t i = 0; i < size; ++i)
      total.sum += exact.values<double>()[i] = difference(n, i) * sums[n * size + i];
    total.expected = at_input[n] - at_baseline[n];
    results[n].gradient = exact.to(probe.input().dtype());
  }
  return results;
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

}  // namespace method
}  // namespace backlight
