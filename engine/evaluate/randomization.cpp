#include "engine/evaluate/randomization.hpp"

#include <algorithm>
#include <ranges>

#include "engine/evaluate/ranking.hpp"
#include "engine/evaluate/scorer.hpp"
#include "engine/evaluate/similarity.hpp"
#include "engine/train/init.hpp"

namespace backlight {
namespace {

bool is_batch_norm(const Graph& graph, NodeId node) {
  return graph.node(node).kind() == OpKind::batch_norm2d || graph.node(node).kind() == OpKind::batch_norm1d;
}

/// Nodes with parameters, a batch norm together with the layer that it reads, from the scores downwards.
std::vector<std::vector<NodeId>> layers_of(const Graph& graph) {
  std::vector<std::vector<NodeId>> layers;
  for (NodeId id = 0; id < graph.size(); ++id) {
    const Node& node = graph.node(id);
    if (!node.computes() || node.parameters.empty()) continue;
    const auto read = std::ranges::find_if(layers, [&](const std::vector<NodeId>& layer) {
      return is_batch_norm(graph, id) && layer.back() == node.inputs.front();
    });
    if (read != layers.end())
      read->push_back(id);
    else
      layers.push_back({id});
  }
  std::ranges::reverse(layers);
  return layers;
}

/// Values up to a node, which what follows the node reads.
struct Frontier {
  std::vector<NodeId> nodes;
  std::vector<Tensor> values = {};

  Frontier(const Graph& graph, NodeId last) {
    std::vector<bool> read(at(graph.size()), false);
    for (NodeId id = last + 1; id < graph.size(); ++id)
      for (const NodeId from : graph.node(id).inputs) read[at(from)] = true;
    for (NodeId id = 0; id <= last; ++id)
      if (read[at(id)]) nodes.push_back(id);
  }
  /// With the values of a run that kept them.
  Frontier(const Graph& graph, NodeId last, const Context& context, const Run& run) : Frontier(graph, last) {
    for (const NodeId id : nodes) values.push_back(context.copy(run.value(id)));
  }
  std::vector<Given> given() const {
    std::vector<Given> all;
    for (std::size_t i = 0; i < nodes.size(); ++i)
      all.push_back({nodes[i], {values[i].dtype(), values[i].shape()}});
    return all;
  }
};

Run run_to(const Network& network, Context& context, Tensor x, std::vector<NodeId> outputs) {
  const std::vector<TensorType> type{{x.dtype(), x.shape()}};
  return Run(
      std::make_shared<const Program>(network, context, type, ProgramOptions{.outputs = std::move(outputs)}),
      context, tensors(std::move(x)));
}

/// The parameters of a node as in `from`.
void replace(Network& network, const Context& context, NodeId node, const Network& from) {
  for (const std::size_t i : from.node(node).parameters)
    network = network.with(from.Graph::parameters()[i].name, context.share(from.weights()[i]));
}

/// Mean and unbiased variance of each channel of N×C×….
std::pair<Tensor, Tensor> statistics_of(const Tensor& x) {
  const std::int64_t channels = x.shape()[1], plane = x.numel() / (x.shape()[0] * channels);
  Tensor mean = Tensor::zeros({channels}, DType::f64), variance = Tensor::zeros({channels}, DType::f64);
  const Tensor exact = x.to(DType::f64);
  const auto count = static_cast<double>(x.numel() / channels);
  const auto add_all = [&](Tensor& to, auto&& term) {
    const double* from = exact.data<double>();
    for (std::int64_t row = 0; row < x.shape()[0] * channels; ++row, from += plane)
      for (std::int64_t i = 0; i < plane; ++i)
        to.data<double>()[row % channels] += term(from[i], row % channels);
  };
  add_all(mean, [](double v, std::int64_t) { return v; });
  for (double& v : mean.values<double>()) v /= count;
  add_all(variance, [&](double v, std::int64_t c) {
    const double off = v - mean.data<double>()[c];
    return off * off;
  });
  for (double& v : variance.values<double>()) v /= std::max(count - 1, 1.0);
  return {mean.to(x.dtype()), variance.to(x.dtype())};
}

/// Batch norms take over the statistics of what reaches them from the frontier on, the lowest first.
void estimate(Network& network, Context& context, Frontier from, std::span<const NodeId> batch_norms) {
  for (const NodeId node : batch_norms) {
    const NodeId read = network.node(node).inputs.front();
    const Frontier wanted(network, read);
    auto program = std::make_shared<const Program>(network, context, from.given(),
                                                   ProgramOptions{.outputs = wanted.nodes});
    from = Frontier(network, read, context, Run(std::move(program), context, std::move(from.values)));
    const auto place = std::ranges::find(from.nodes, read) - from.nodes.begin();
    const auto [mean, variance] =
        statistics_of(context.to_host(from.values[static_cast<std::size_t>(place)]));
    const std::string name = network.node(node).name;  // outlives the network
    network = network.with(name + ".running_mean", context.share(mean));
    network = network.with(name + ".running_var", context.share(variance));
  }
}

struct Planes {
  std::vector<double> measured, raw;  ///< without signs, and with
};

Planes planes_of(const Result& result, Preset preset, const Shape& input) {
  const auto values = [](const Tensor& map) {
    const Tensor exact = map.to(DType::f64);
    return std::vector<double>(exact.values<double>().begin(), exact.values<double>().end());
  };
  Planes planes{values(measured_map(result, preset, input[2], input[3])), {}};
  if (result.gradient.defined()) {
    planes.raw = values(reduced(result.gradient, ChannelReduction::sum));
    return planes;
  }
  // Enlarging is linear: what speaks for the class less what speaks against it is the map.
  Tensor against = result.map->map.to(DType::f32);
  for (float& v : against.values()) v = -v;
  planes.raw = planes.measured;
  const std::vector<double> other = values(enlarged_evidence(against, preset, input[2], input[3]));
  std::ranges::transform(planes.raw, other, planes.raw.begin(), std::minus<>());
  return planes;
}

}  // namespace

std::vector<std::string> randomizable_layers(const Network& network) {
  std::vector<std::string> names;
  for (const std::vector<NodeId>& layer : layers_of(network))
    names.push_back(network.node(layer.front()).name);
  return names;
}

std::vector<RandomizedNetwork> randomized_networks(const Network& network, Context& context,
                                                   RandomizationOrder order, std::uint64_t seed,
                                                   const Tensor& pictures) {
  Network fresh = network;
  fresh.to(Context(Device{}, 1));
  initialise(fresh, seed);
  std::vector<RandomizedNetwork> all;
  Network now = network;
  std::vector<NodeId> batch_norms;
  for (const std::vector<NodeId>& layer : layers_of(network)) {
    if (order == RandomizationOrder::independent) {
      now = network;
      batch_norms.clear();
    }
    for (const NodeId node : layer) {
      replace(now, context, node, fresh);
      if (is_batch_norm(network, node)) batch_norms.push_back(node);
    }
    std::ranges::sort(batch_norms);
    if (!batch_norms.empty() && !pictures.defined())
      throw Error(ErrorKind::usage, "'", network.node(batch_norms.front()).name,
                  "' needs statistics of what reaches it in a randomized network; give a few pictures");
    if (!batch_norms.empty()) {
      const NodeId last = layer.front() - 1;
      const Run below = run_to(network, context, pictures.clone(), Frontier(network, last).nodes);
      estimate(now, context, Frontier(network, last, context, below), batch_norms);
    }
    all.push_back({network.node(layer.front()).name, layer.front(), std::make_shared<const Network>(now)});
  }
  return all;
}

std::vector<MapSimilarity> randomization(Probe& probe, const Method& method, const Question& question,
                                         std::span<const RandomizedNetwork> networks,
                                         const SimilarityOptions& options) {
  const Network& trained = probe.network();
  Context& context = probe.context();
  const Tensor& x = probe.input();
  const std::int64_t height = x.shape()[2], width = x.shape()[3];
  const auto at_layer = method.layer_in(trained, question.layer.value_or(trained.input()));
  const bool tail = at_layer && !method.needs.input_gradient && question.smoothing == Smoothing::none &&
                    question.more_layers.empty();
  const std::vector<NodeId> layers = at_layer ? std::vector{*at_layer} : std::vector<NodeId>{};
  /// The last node of which the randomized network has the trained one's value, or that the map is of.
  const auto cut = [&](const RandomizedNetwork& randomized) {
    return std::min(*at_layer, randomized.first - 1);
  };

  std::vector<NodeId> kept;
  if (tail)
    for (const RandomizedNetwork& randomized : networks)
      std::ranges::copy(Frontier(trained, cut(randomized)).nodes, std::back_inserter(kept));
  std::optional<Run> below;
  if (!kept.empty()) below.emplace(run_to(trained, context, x.clone(), std::move(kept)));

  const Planes own = planes_of(method.explain(probe, question).front(), question.preset, x.shape());
  const std::vector<double> ranks = mean_ranks(own.measured), signed_ranks = mean_ranks(own.raw);
  const std::vector<double> unit = unit_range(own.measured);
  const std::vector<double> own_hog = options.hog ? hog(unit, height, width) : std::vector<double>();
  std::vector<MapSimilarity> all;
  for (const RandomizedNetwork& randomized : networks) {
    const bool tails = method.needs_tails(question);
    std::optional<Probe> there;
    if (tail) {
      Frontier from(trained, cut(randomized), context, *below);
      std::vector<Given> given = from.given();
      there.emplace(*randomized.network, context, x.clone(), std::move(given), std::move(from.values), layers,
                    tails);
    } else {
      there.emplace(*randomized.network, context, x.clone(), layers, method.needs.input_gradient, tails);
    }
    const Planes other = planes_of(method.explain(*there, question).front(), question.preset, x.shape());
    MapSimilarity similarity{.layer = randomized.layer,
                             .spearman = pearson(ranks, mean_ranks(other.measured)),
                             .signed_spearman = pearson(signed_ranks, mean_ranks(other.raw))};
    const std::vector<double> other_unit = unit_range(other.measured);
    if (options.ssim) similarity.ssim = ssim(unit, other_unit, height, width);
    if (options.hog) similarity.hog = spearman(own_hog, hog(other_unit, height, width));
    all.push_back(std::move(similarity));
  }
  return all;
}

}  // namespace backlight
