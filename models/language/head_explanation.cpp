#include "models/language/head_explanation.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/core/rows.hpp"
#include "engine/explain/layer_path.hpp"
#include "engine/explain/methods/layer_map.hpp"
#include "models/language/decoder.hpp"

namespace backlight::language {
namespace {

double sign_of(const HeadTarget& target) { return target.direction == Direction::evidence ? 1 : -1; }

std::span<const double> row_of(std::span<const double> scores, std::int64_t classes, const Said& said) {
  return scores.subspan(static_cast<std::size_t>(said.step * classes), static_cast<std::size_t>(classes));
}

}  // namespace

void add_score_gradient(const HeadTarget& target, std::span<const double> scores, std::int64_t classes,
                        std::span<double> dy) {
  const double sign = sign_of(target);
  for (const Said& said : target.said) {
    const std::size_t begin = static_cast<std::size_t>(said.step * classes);
    dy[begin + static_cast<std::size_t>(said.id)] += sign;
    if (!target.log_probability) continue;
    const std::span<const double> row = row_of(scores, classes, said);
    const double log_sum = log_sum_exp(row);
    for (std::size_t k = 0; k < row.size(); ++k) dy[begin + k] -= sign * std::exp(row[k] - log_sum);
  }
}

HeadExplanation::HeadExplanation(const Network& head, Context& context, const Tensor& map,
                                 std::span<const std::int32_t> tokens)
    : context_(context), map_(head.find("map")) {
  Tensor ids({1, std::ssize(tokens)}, DType::i32);
  std::ranges::copy(tokens, ids.data<std::int32_t>());
  const std::vector<TensorType> types{{map.dtype(), map.shape()}, {ids.dtype(), ids.shape()}};
  ProgramOptions options{.outputs = {head.output()}, .gradients_at = {map_}, .resume_at = {map_}};
  for (NodeId id = 0; id < head.size(); ++id) options.keep.push_back(id);
  std::vector<Tensor> values = tensors(context.copy(map));
  values.push_back(context.copy(ids));
  run_.emplace(std::make_shared<const Program>(head, context, types, std::move(options)), context, std::move(values));
  const Shape& shape = run_->output().shape();
  scores_ = context.to_host(run_->output()).reshaped(shape.rank() == 3 ? Shape{shape[1], shape[2]} : Shape{1, shape[1]});
}

void HeadExplanation::require(const HeadTarget& target) const {
  for (const Said& said : target.said)
    if (said.step < 0 || said.step >= scores_.shape()[0] || said.id < 0 || said.id >= scores_.shape()[1])
      throw Error(ErrorKind::usage, "the score of ", said.id, " at step ", said.step,
                  " was asked for, but the scores are ", scores_.shape());
}

double HeadExplanation::value(const HeadTarget& target) const {
  require(target);
  const Tensor exact = scores_.to(DType::f64);
  const std::int64_t classes = scores_.shape()[1];
  double sum = 0;
  for (const Said& said : target.said) {
    const std::span<const double> row = row_of(exact.values<double>(), classes, said);
    sum += row[static_cast<std::size_t>(said.id)] - (target.log_probability ? log_sum_exp(row) : 0);
  }
  return sign_of(target) * sum;
}

Tensor HeadExplanation::gradients(std::span<const HeadTarget> targets, int steps) const {
  for (const HeadTarget& target : targets) require(target);
  const std::vector<std::int64_t> images(targets.size(), 0);
  const std::int64_t classes = scores_.shape()[1];
  const auto gradient_of = [&](std::int64_t target, std::span<const double> scores, std::span<double> dy) {
    add_score_gradient(targets[static_cast<std::size_t>(target)], scores, classes, dy);
  };
  return path_gradients(*run_, context_, map_, run_->program().options().outputs.front(), images, steps,
                        gradient_of);
}

std::vector<ClassMap> HeadExplanation::maps(std::span<const HeadTarget> targets,
                                            const HeadMapOptions& options) const {
  if (targets.empty()) return {};
  const std::vector<std::int64_t> images(targets.size(), 0);
  return gradient_maps(rows_of(context_.to_host(run_->value(map_)), images),
                       gradients(targets, options.steps), options.elementwise);
}

std::vector<ClassMap> gradient_maps(const Tensor& activations, const Tensor& gradients, bool elementwise) {
  const auto terms_of = [&](const LayerValues& at) {
    if (elementwise) {
      LayerTerms terms;
      for (std::int64_t i = 0; i < at.channels * at.plane; ++i) terms.values.push_back(at.g[i] * at.a[i]);
      return terms;
    }
    std::vector<double> alpha;
    for (std::int64_t k = 0; k < at.channels; ++k) {
      double sum = 0;
      for (std::int64_t i = 0; i < at.plane; ++i) sum += at.gradient(k)[i];
      alpha.push_back(sum / static_cast<double>(at.plane));
    }
    return weighted_terms(at, std::move(alpha));
  };
  std::vector<ClassMap> maps;
  for (Result& result : layer_maps(activations, &gradients, TermReduction::sum, terms_of))
    maps.push_back(std::move(*result.map));
  return maps;
}

Tensor HeadExplanation::gradient(const HeadTarget& target, BackwardRule rule) {
  require(target);
  const NodeId output = run_->program().options().outputs.front();
  Tensor dy = Tensor::zeros(run_->shape(output), DType::f64);
  add_score_gradient(target, scores_.to(DType::f64).values<double>(), scores_.shape()[1], dy.values<double>());
  const Gradients gradients =
      run_->backward(Seed{output, dy.to(scores_.dtype())}, {.rule = rule, .wrt = {map_}});
  return context_.to_host(gradients.nodes.at(map_));
}

Tensor guided_backprop(HeadExplanation& head, Run& cnn, const HeadTarget& target) {
  const Network& network = cnn.program().network();
  const Seed seed{network.output(), head.gradient(target, BackwardRule::guided)};
  const Gradients gradients = cnn.backward(seed, {.rule = BackwardRule::guided, .wrt = {network.input()}});
  return gradients.nodes.at(network.input()).to_host();
}

}  // namespace backlight::language
