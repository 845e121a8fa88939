#include "engine/explain/probe.hpp"

namespace backlight {

Probe::Probe(const Network& network, Context& context, Tensor x, std::vector<NodeId> layers,
             bool input_gradient)
    : network_(network),
      context_(context),
      own_programs_(std::make_shared<Programs>(network, Optimisations{})),
      layers_(layers),
      input_gradient_(input_gradient),
      input_(x.to_host()),
      own_(std::make_unique<Explanation>(network, context, std::move(x), std::move(layers), input_gradient)),
      scores_(context.to_host(own_->scores())) {
  programs_ = own_programs_.get();
}

Probe::Probe(Programs& programs, Context& context, Tensor x, std::vector<NodeId> layers, bool input_gradient)
    : network_(programs.network()),
      context_(context),
      programs_(&programs),
      layers_(layers),
      input_gradient_(input_gradient),
      input_(x.to_host()),
      own_(std::make_unique<Explanation>(programs, context, std::move(x), std::move(layers), input_gradient)),
      scores_(context.to_host(own_->scores())) {}

Probe::Probe(Replays& replays, Tensor x, std::vector<NodeId> layers, bool input_gradient)
    : network_(replays.programs().network()),
      context_(replays.context()),
      programs_(&replays.programs()),
      layers_(layers),
      input_gradient_(input_gradient),
      input_(x.to_host()),
      replay_(replays.get({x.dtype(), x.shape()}, layers, input_gradient)) {
  if (replay_)
    replay_->run(x);
  else
    own_ = std::make_unique<Explanation>(replays.programs(), replays.context(), std::move(x),
                                         std::move(layers), input_gradient);
  scores_ = ask([&](const auto& explanation) { return context_.to_host(explanation.scores()); });
}

Probe Probe::at(Tensor x) const { return {*programs_, context_, std::move(x), layers_, input_gradient_}; }

Tensor Probe::activation(NodeId layer) const {
  return ask([&](const auto& explanation) { return context_.to_host(explanation.activations(layer)); });
}

std::vector<double> Probe::values(const Target& target) const {
  if (!target.own) return evaluate(target, scores_).values;
  std::vector<double> values = target.own->values;
  if (target.direction == Direction::counterfactual)
    for (double& v : values) v = -v;
  return values;
}

Seed Probe::seed_of(const Target& target) const {
  if (!target.own) return {score_node(network_), evaluate(target, scores_).gradient};
  Seed seed{target.own->seed.node, target.own->seed.dy.clone()};
  if (target.direction == Direction::counterfactual)
    dispatch_dtype(seed.dy.dtype(), [&]<class T>() {
      for (T& v : seed.dy.values<T>()) v = -v;
    });
  return seed;
}

Probe::Answers& Probe::about(const Target& target) {
  if (!answers_ || answers_->target != target) answers_ = Answers{target, seed_of(target)};
  return *answers_;
}

ClassMap Probe::to_host(const ClassMap& maps) const {
  return {context_.to_host(maps.alpha), context_.to_host(maps.map)};
}

const Tensor& Probe::gradient(NodeId node, const Target& target, BackwardRule rule) {
  Answers& answers = about(target);
  Tensor& known = answers.gradients[{node, rule}];
  if (!known.defined())
    known = ask(
        [&](auto& explanation) { return context_.to_host(explanation.gradient(node, answers.seed, rule)); });
  return known;
}

const ClassMap& Probe::grad_cam(NodeId layer, const Target& target, AlphaReduction reduction) {
  Answers& answers = about(target);
  ClassMap& known = answers.maps[{layer, reduction}];
  if (!known.map.defined())
    known =
        ask([&](auto& explanation) { return to_host(explanation.grad_cam(layer, answers.seed, reduction)); });
  return known;
}

const ClassMap& Probe::cam(const Target& target) {
  Answers& answers = about(target);
  if (!answers.cam.map.defined())
    answers.cam = ask([&](auto& explanation) { return to_host(explanation.cam(answers.seed)); });
  return answers.cam;
}

}  // namespace backlight
