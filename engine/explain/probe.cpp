#include "engine/explain/probe.hpp"

#include <algorithm>
#include <numeric>

namespace backlight {

Probe::Probe(const Network& network, Context& context, Tensor x, std::vector<NodeId> layers,
             bool input_gradient, bool tails)
    : network_(network),
      context_(context),
      own_programs_(std::make_shared<Programs>(network, Optimisations{})),
      layers_(layers),
      input_gradient_(input_gradient),
      tails_(tails),
      input_(x.to_host()),
      own_(std::make_unique<Explanation>(network, context, std::move(x), std::move(layers), input_gradient,
                                         tails)),
      scores_(context.to_host(own_->scores())) {
  programs_ = own_programs_.get();
}

Probe::Probe(Programs& programs, Context& context, Tensor x, std::vector<NodeId> layers, bool input_gradient,
             bool tails)
    : network_(programs.network()),
      context_(context),
      programs_(&programs),
      layers_(layers),
      input_gradient_(input_gradient),
      tails_(tails),
      input_(x.to_host()),
      own_(std::make_unique<Explanation>(programs, context, std::move(x), std::move(layers), input_gradient,
                                         tails)),
      scores_(context.to_host(own_->scores())) {}

Probe::Probe(const Network& network, Context& context, Tensor x, std::vector<Given> given,
             std::vector<Tensor> values, std::vector<NodeId> layers, bool tails)
    : network_(network),
      context_(context),
      own_programs_(std::make_shared<Programs>(network, Optimisations{})),
      layers_(layers),
      input_gradient_(false),
      tails_(tails),
      input_(x.to_host()),
      own_(std::make_unique<Explanation>(network, context, std::move(given), std::move(values),
                                         std::move(layers), tails)),
      scores_(context.to_host(own_->scores())) {
  programs_ = own_programs_.get();
}

Probe::Probe(Replays& replays, Tensor x, std::vector<NodeId> layers, bool input_gradient, bool tails)
    : network_(replays.programs().network()),
      context_(replays.context()),
      programs_(&replays.programs()),
      layers_(layers),
      input_gradient_(input_gradient),
      tails_(tails),
      input_(x.to_host()),
      replay_(tails ? nullptr : replays.get({x.dtype(), x.shape()}, layers, input_gradient)) {
  if (replay_)
    replay_->run(x);
  else
    own_ = std::make_unique<Explanation>(replays.programs(), replays.context(), std::move(x),
                                         std::move(layers), input_gradient, tails);
  scores_ = ask([&](const auto& explanation) { return context_.to_host(explanation.scores()); });
}

Probe Probe::at(Tensor x) const {
  return {*programs_, context_, std::move(x), layers_, input_gradient_, tails_};
}

Tensor Probe::scores_of(Tensor x) const {
  const std::vector<TensorType> type{{x.dtype(), x.shape()}};
  const NodeId score = score_node(network_);
  const Run run(programs_->get(context_, type, {.outputs = {score}}), context_, tensors(std::move(x)));
  return context_.to_host(run.value(score));
}

Propagated Probe::propagate(Tensor x, Tensor dscores, Propagation how) const {
  const std::vector<TensorType> type{{x.dtype(), x.shape()}};
  const NodeId score = score_node(network_);
  const ProgramOptions options{
      .outputs = {score}, .keep = how.keep, .gradients_at = how.wrt, .rule = how.rule};
  Run run(programs_->get(context_, type, options), context_, tensors(std::move(x)));
  Propagated made;
  made.scores = context_.to_host(run.value(score));
  for (const NodeId node : how.keep) made.values.emplace(node, context_.to_host(run.value(node)));
  const Gradients gradients =
      run.backward({score, std::move(dscores)},
                   {.rule = how.rule, .box = std::move(how.box), .wrt = std::move(how.wrt), .last = true});
  for (const auto& [node, gradient] : gradients.nodes)
    made.gradients.emplace(node, context_.to_host(gradient));
  return made;
}

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

Tensor Probe::score_gradient(const Target& target) const {
  require_any_scores(target);
  return evaluate(target, scores_).gradient;
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

const Run& Probe::whole_run() const {
  if (!tails_)
    throw Error(ErrorKind::usage,
                "what follows a layer was to run again, but the probe was made without tails");
  return own_->run();
}

void Probe::require_any_scores(const Target& target) const {
  if (target.own)
    throw Error(
        ErrorKind::usage,
        "a target of one's own is known of the picture alone, but what follows a layer was to run with other "
        "values; use a target of the scores");
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

const Tensor& Probe::gradient(NodeId layer, const Target& target, const PathAverage& path) {
  if (path.steps == 1) return gradient(layer, target);
  require_any_scores(target);
  const Run& run = whole_run();
  Tensor& known = about(target).path_gradients[{layer, path.steps}];
  if (known.defined()) return known;
  std::vector<std::int64_t> images(target.classes.size());
  std::iota(images.begin(), images.end(), std::int64_t{0});
  const auto score_gradient = [&](std::int64_t image, std::span<const double> scores, std::span<double> dy) {
    Target one = target;
    one.classes = {target.classes[static_cast<std::size_t>(image)]};
    Tensor row({1, std::ssize(scores)}, DType::f64);
    std::ranges::copy(scores, row.data<double>());
    std::ranges::copy(evaluate(one, row).gradient.values<double>(), dy.begin());
  };
  known = path_gradients(run, context_, layer, score_node(network_), images, path.steps, score_gradient,
                         path.batch_bytes);
  return known;
}

std::vector<double> Probe::values_from(NodeId layer, const Target& target, std::int64_t image,
                                       std::int64_t variants,
                                       FunctionRef<void(std::int64_t variant, std::span<double> a)> make,
                                       std::int64_t batch_bytes) const {
  require_any_scores(target);
  const Run& run = whole_run();
  const NodeId score = score_node(network_);
  const Tensor all = activation(layer), exact = all.to(DType::f64);
  const auto size = static_cast<std::size_t>(all.numel() / all.shape()[0]);
  const auto a = exact.values<double>().subspan(static_cast<std::size_t>(image) * size, size);
  const std::int64_t together = rows_together(run, layer, batch_bytes);
  std::shared_ptr<const Program> tail;
  std::vector<double> values;
  for (std::int64_t first = 0; first < variants; first += together) {
    const std::int64_t count = std::min(together, variants - first);
    if (!tail || count != together) tail = run.tail(layer, count, {.outputs = {score}});
    Tensor rows(all.shape().with(0, count), DType::f64);
    for (std::int64_t i = 0; i < count; ++i) {
      const auto row = rows.values<double>().subspan(static_cast<std::size_t>(i) * size, size);
      std::ranges::copy(a, row.begin());
      make(first + i, row);
    }
    Target there = target;
    there.classes.assign(static_cast<std::size_t>(count), target.classes.at(static_cast<std::size_t>(image)));
    const std::vector<std::int64_t> same(static_cast<std::size_t>(count), image);
    const Run at = run.resume(tail, rows.to(all.dtype()), same);
    std::ranges::copy(evaluate(there, context_.to_host(at.value(score))).values, std::back_inserter(values));
  }
  return values;
}

std::vector<double> Probe::linear_shares(NodeId linear, std::int64_t image, std::int64_t layer_channels,
                                         std::span<const std::int64_t> channels) const {
  const Node& node = network_.node(linear);
  const Tensor p = activation(node.inputs.front()).to(DType::f64);
  const Tensor& own = network_.weights()[node.parameters.front()];
  const Tensor copied = own.on_host() ? Tensor() : own.to_host();
  const Tensor& weight = own.on_host() ? own : copied;
  const auto out = static_cast<std::size_t>(weight.shape()[0]),
             in = static_cast<std::size_t>(weight.shape()[1]);
  const std::size_t block = in / static_cast<std::size_t>(layer_channels);
  const auto values = p.values<double>().subspan(static_cast<std::size_t>(image) * in, in);
  std::vector<double> shares(channels.size() * out, 0.0);
  dispatch_dtype(weight.dtype(), [&]<class T>() {
    context_.parallel_for(static_cast<std::int64_t>(out), [&](std::int64_t row, int) {
      const auto o = static_cast<std::size_t>(row);
      for (std::size_t k = 0; k < channels.size(); ++k) {
        const std::size_t first = static_cast<std::size_t>(channels[k]) * block;
        const T* const w = weight.data<T>() + o * in + first;
        double sum = 0;
        for (std::size_t i = 0; i < block; ++i) sum += w[i] * values[first + i];
        shares[k * out + o] = sum;
      }
    });
  });
  return shares;
}

std::vector<double> Probe::values_without(NodeId layer, const Target& target, std::int64_t image,
                                          std::span<const std::int64_t> channels,
                                          std::int64_t batch_bytes) const {
  const std::int64_t all = std::ssize(channels);
  const Shape& shape = whole_run().shape(layer);
  if (const auto linear = linear_behind(network_, layer)) {
    const std::vector<double> shares = linear_shares(*linear, image, shape[1], channels);
    return values_from(
        *linear, target, image, all + 1,
        [&](std::int64_t k, std::span<double> z) {
          for (std::size_t o = 0; k < all && o < z.size(); ++o)
            z[o] -= shares[static_cast<std::size_t>(k) * z.size() + o];
        },
        batch_bytes);
  }
  const auto plane = static_cast<std::size_t>(shape[2] * shape[3]);
  return values_from(
      layer, target, image, all + 1,
      [&](std::int64_t k, std::span<double> a) {
        if (k == all) return;
        const auto channel = static_cast<std::size_t>(channels[static_cast<std::size_t>(k)]);
        std::ranges::fill(a.subspan(channel * plane, plane), 0.0);
      },
      batch_bytes);
}

const ClassMap& Probe::grad_cam(NodeId layer, const Target& target, AlphaReduction reduction,
                                const PathAverage& path) {
  Answers& answers = about(target);
  ClassMap& known = answers.maps[{layer, reduction, path.steps}];
  if (!known.map.defined() && path.steps != 1)
    known = to_host(own_->grad_cam(layer, gradient(layer, target, path), reduction));
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
