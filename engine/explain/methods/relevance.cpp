// Maps at the input x that share the target's score among what made it, layer by layer, under rules that read every
// layer's values (engine/graph/rule.hpp; equations and constants: kernels/relevance/README.md):
//
//   deep-lift            (x − x′) ∘ m; m is the gradient, but at each activation Δy/Δx against what the baseline x′
//                        makes there, and of maximum pooling all of Δy at the places of y and y′
//                                                            Shrikumar et al. 2017, arXiv:1704.02685
//   lrp-epsilon          R = x ∘ Wᵀ(R/(z + ε sign z)) at every layer with weights
//                                                            Bach et al. 2015, doi:10.1371/journal.pone.0130140
//   lrp-gamma-box        that of fully connected layers, γ's rule of convolutions, the z-box of the input
//   lrp-plus-flat        z⁺ of convolutions, flat of the input
//   lrp-alpha-beta-flat  α2β1 of convolutions, flat of the input
//                                                            Montavon et al. 2019, doi:10.1007/978-3-030-28954-6_10
//
// The last three are zennit's EpsilonGammaBox, EpsilonPlusFlat and EpsilonAlpha2Beta1Flat. deep-lift adds up to
// y(x) − y(x′), LRP, up to ε, to y where no layer has a bias: a bias keeps its share.
#include <algorithm>
#include <numeric>

#include "engine/explain/methods/list.hpp"
#include "engine/explain/methods/per_image.hpp"
#include "engine/explain/sampling.hpp"

namespace backlight {
namespace {

void require_sum_of_scores(std::string_view method, const Target& target) {
  if (!is_sum_of_scores(target))
    throw Error(ErrorKind::usage, method, " shares out a sum of scores, which ",
                target.own ? std::string("a target of one's own") : text("the target ", name_of(target.aim)),
                " is not; use the target score, of a class or of several");
}

/// A result of values of one image, which are to add up to `expected`.
Result shared_out(const Tensor& values, double expected, DType dtype) {
  const std::span<const double> all = values.values<double>();
  Result result;
  result.completeness = {std::accumulate(all.begin(), all.end(), 0.0), expected};
  result.gradient = values.to(dtype);
  return result;
}

/// The rows of a batch, and behind them as many that are all the row given.
Tensor with_references(const Tensor& batch, std::span<const double> row) {
  const std::int64_t images = batch.shape()[0];
  const Tensor exact = batch.to(DType::f64);
  Tensor both(batch.shape().with(0, 2 * images), DType::f64);
  auto to = std::ranges::copy(exact.values<double>(), both.values<double>().begin()).out;
  for (std::int64_t n = 0; n < images; ++n) to = std::ranges::copy(row, to).out;
  return both.to(batch.dtype());
}

std::vector<Result> answer_deep_lift(Probe& probe, const Question& question, BackwardRule rule) {
  require_sum_of_scores("deep-lift", question.target);
  const NodeId input = probe.network().input();
  const Tensor baseline = baseline_of(question, probe.input()), x = probe.input().to(DType::f64);
  const Tensor dscores = probe.score_gradient(question.target);
  const std::vector<double> nothing(static_cast<std::size_t>(dscores.shape()[1]), 0.0);
  const Propagated made = probe.propagate(with_references(probe.input(), baseline.values<double>()),
                                          with_references(dscores, nothing), {.wrt = {input}, .rule = rule});
  Target both = question.target;
  std::ranges::copy(question.target.classes, std::back_inserter(both.classes));
  const std::vector<double> values = evaluate(both, made.scores).values;
  const Tensor multipliers = made.gradients.at(input).to(DType::f64);
  const std::size_t images = values.size() / 2;
  std::vector<Result> results;
  for (std::size_t n = 0; n < images; ++n) {
    Tensor shares = image_of(multipliers, n);
    const Tensor own = image_of(x, n);
    for (std::size_t i = 0; i < own.values<double>().size(); ++i)
      shares.values<double>()[i] *= own.values<double>()[i] - baseline.values<double>()[i];
    results.push_back(shared_out(shares, values[n] - values[images + n], probe.input().dtype()));
  }
  return results;
}

/// What each channel of each picture has itself, N×C×H×W, where the question says no range.
InputRange range_of(const Question& question, const Tensor& x) {
  const auto size = static_cast<std::size_t>(x.numel() / x.shape()[0]);
  const auto plane = static_cast<std::size_t>(x.shape()[2] * x.shape()[3]);
  InputRange range{Tensor(x.shape(), DType::f64), Tensor(x.shape(), DType::f64)};
  const std::span<double> least = range.least.values<double>(), greatest = range.greatest.values<double>();
  if (!question.range) {
    for (std::size_t first = 0; first < least.size(); first += plane) {
      const auto [low, high] = std::ranges::minmax(x.values<double>().subspan(first, plane));
      std::ranges::fill(least.subspan(first, plane), low);
      std::ranges::fill(greatest.subspan(first, plane), high);
    }
    return range;
  }
  const Shape one = x.shape().with(0, 1);
  if (question.range->least.shape() != one || question.range->greatest.shape() != one)
    throw Error(ErrorKind::usage, "the input's range is ", question.range->least.shape(), " and ",
                question.range->greatest.shape(), ", the input ", one);
  const Tensor low = question.range->least.to(DType::f64), high = question.range->greatest.to(DType::f64);
  for (std::size_t i = 0; i < least.size(); ++i) {
    least[i] = low.values<double>()[i % size];
    greatest[i] = high.values<double>()[i % size];
  }
  return range;
}

InputBox box_of(const Question& question, const Tensor& input) {
  const Tensor x = input.to(DType::f64);
  InputRange range = range_of(question, x);
  for (Tensor* const bound : {&range.least, &range.greatest})
    std::ranges::transform(x.values<double>(), bound->values<double>(), bound->values<double>().begin(),
                           std::minus<>());
  return {range.least.to(input.dtype()), range.greatest.to(input.dtype())};
}

/// A rule of the input's own is stated for layers with weights alone.
void require_weights_at_input(const Network& network) {
  for (const Node& node : network.nodes())
    if (std::ranges::find(node.inputs, network.input()) != node.inputs.end() &&
        node.kind() != OpKind::conv2d && node.kind() != OpKind::linear)
      throw Error(ErrorKind::unsupported,
                  "the input has a rule of its own at convolutions and fully connected layers alone, but '",
                  node.name, "' (", node.kind(), ") reads it; use lrp-epsilon");
}

std::vector<Result> answer_lrp(Probe& probe, const Question& question, BackwardRule rule) {
  require_sum_of_scores("lrp", question.target);
  const Tensor& x = probe.input();
  const NodeId input = probe.network().input();
  Propagation how{.wrt = {input}, .rule = rule};
  if (gives_relevance(rule)) require_weights_at_input(probe.network());
  if (rule == BackwardRule::lrp_gamma_box) how.box = box_of(question, x);
  const Propagated made = probe.propagate(x.clone(), probe.score_gradient(question.target), std::move(how));
  Tensor relevance = made.gradients.at(input).to(DType::f64);
  if (!gives_relevance(rule)) {
    const Tensor exact = x.to(DType::f64);
    std::ranges::transform(relevance.values<double>(), exact.values<double>(),
                           relevance.values<double>().begin(), std::multiplies<>());
  }
  const std::vector<double> values = probe.values(question.target);
  std::vector<Result> results;
  for (std::size_t n = 0; n < values.size(); ++n)
    results.push_back(shared_out(image_of(relevance, n), values[n], x.dtype()));
  return results;
}

template <BackwardRule rule>
Method lrp(std::string_view name, std::string_view summary,
           std::string_view paper = "doi:10.1007/978-3-030-28954-6_10") {
  return {.name = name,
          .summary = summary,
          .paper = paper,
          .needs = {.input_gradient = true},
          .rule = rule,
          .forwards = 2,
          .backwards = 1,
          .counterfactual = true,
          .is_defined_for = [](OpKind kind) { return is_defined_at(rule, kind); },
          .answer = answer_lrp};
}

}  // namespace

namespace method {

Method deep_lift() {
  return {.name = "deep-lift",
          .summary = "what a pixel adds to the score, against what a baseline makes of every activation",
          .paper = "arXiv:1704.02685",
          .needs = {.input_gradient = true},
          .rule = BackwardRule::rescale,
          .forwards = 3,
          .backwards = 1,
          .counterfactual = true,
          .is_defined_for = [](OpKind kind) { return is_defined_at(BackwardRule::rescale, kind); },
          .answer = answer_deep_lift};
}

Method lrp_epsilon() {
  return lrp<BackwardRule::lrp_epsilon>("lrp-epsilon",
                                        "the score shared out among what made it, layer by layer",
                                        "doi:10.1371/journal.pone.0130140");
}

Method lrp_gamma_box() {
  return lrp<BackwardRule::lrp_gamma_box>(
      "lrp-gamma-box", "lrp-epsilon with more for what has a value's sign, in the bounds of pictures");
}

Method lrp_plus_flat() {
  return lrp<BackwardRule::lrp_plus_flat>(
      "lrp-plus-flat", "lrp-epsilon for what raises values alone, the pixels in reach alike");
}

Method lrp_alpha_beta_flat() {
  return lrp<BackwardRule::lrp_alpha_beta_flat>(
      "lrp-alpha-beta-flat", "lrp-epsilon, twice for what raises values and once for what lowers them");
}

}  // namespace method
}  // namespace backlight
