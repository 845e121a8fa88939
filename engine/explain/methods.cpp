#include "engine/explain/methods.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/core/nearest.hpp"
#include "engine/explain/methods/list.hpp"
#include "engine/explain/sampling.hpp"
#include "kernels/overlay/overlay.hpp"

namespace backlight {
namespace {

/// `a, b and c`.
std::string enumerated(std::span<const std::string> names, std::string_view last) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i)
    out += text(i == 0 ? "" : i + 1 < names.size() ? ", " : last, names[i]);
  return out;
}

/// `silu (4 layers) and multiply (1 layer)`.
std::string layers_by_kind(const std::map<OpKind, int>& kinds) {
  std::vector<std::string> all;
  for (const auto& [kind, layers] : kinds)
    all.push_back(text(kind, " (", layers, layers == 1 ? " layer)" : " layers)"));
  return enumerated(all, " and ");
}

std::string no_meaning_for(const Method& method, bool (*has)(const Method&)) {
  return text("has no meaning for ", method.name, "; it has for ", names_of_methods(has));
}

bool is_never_negative(const Network& network, NodeId node) {
  switch (network.node(node).kind()) {
    case OpKind::relu:
    case OpKind::relu6:
    case OpKind::sigmoid:
    case OpKind::hard_sigmoid:
      return true;
    default:
      return false;
  }
}

}  // namespace

Tensor reduced(const Tensor& gradient, ChannelReduction how) {
  const Shape& shape = gradient.shape();
  Tensor map = Tensor::zeros({shape[1], shape[2]}, gradient.dtype());
  dispatch_dtype(gradient.dtype(), [&]<class T>() {
    T* const to = map.data<T>();
    const std::int64_t plane = map.numel();
    for (std::int64_t i = 0; i < gradient.numel(); ++i) {
      const T v = gradient.data<T>()[i];
      if (how == ChannelReduction::max_abs)
        to[i % plane] = std::max(to[i % plane], std::abs(v));
      else
        to[i % plane] += how == ChannelReduction::sum ? v : std::abs(v);
    }
  });
  return map;
}

Image Result::overlay(const Image& source, const Placement& placement, Preset preset) const {
  if (gradient.defined()) return place_on_source(saliency(gradient, preset), placement);
  return backlight::overlay(source, map->map, placement, preset);
}

Image Result::heatmap(const Placement& placement, Preset preset) const {
  if (gradient.defined()) return saliency(gradient, preset);
  return backlight::heatmap(map->map, placement, preset);
}

std::optional<Box> Result::box(const Placement& placement, Preset preset) const {
  return map ? locate(map->map, placement, preset) : std::nullopt;
}

std::span<const Method> methods() {
  static const std::array kAll{method::grad_cam(),           method::cam(),
                               method::grad_cam_plus_plus(), method::xgrad_cam(),
                               method::hires_cam(),          method::grad_cam_elementwise(),
                               method::layer_cam(),          method::eigen_cam(),
                               method::eigen_grad_cam(),     method::ablation_cam(),
                               method::recipro_cam(),        method::score_cam(),
                               method::occlusion(),          method::rise(),
                               method::guided_backprop(),    method::deconvnet(),
                               method::guided_grad_cam(),    method::deconv_grad_cam(),
                               method::gradient(),           method::saliency(),
                               method::input_x_gradient(),   method::integrated_gradients(),
                               method::gradient_shap(),      method::full_grad(),
                               method::deep_lift(),          method::lrp_epsilon(),
                               method::lrp_gamma_box(),      method::lrp_plus_flat(),
                               method::lrp_alpha_beta_flat()};
  return kAll;
}

const Method& find_method(std::string_view name) {
  std::vector<std::string> names;
  for (const Method& method : methods()) {
    if (method.name == name) return method;
    names.emplace_back(method.name);
  }
  throw Error(ErrorKind::usage, "unknown method '", name, "'", did_you_mean(name, names), "; expected ",
              enumerated(names, ", "));
}

std::string names_of_methods(bool (*so)(const Method&)) {
  std::vector<std::string> names;
  for (const Method& method : methods())
    if (so(method)) names.emplace_back(method.name);
  return enumerated(names, " and ");
}

void Method::require_defined(const Question& question) const {
  if (question.samples < 1 || !std::isfinite(question.noise) || question.noise < 0)
    throw Error(ErrorKind::usage, question.samples, " samples with a noise of ", question.noise,
                " were asked for, expected at least one and a share of the input's range");
  const Preset preset = question.preset;
  if (question.target.direction == Direction::counterfactual && !counterfactual)
    throw Error(ErrorKind::usage, "a counterfactual ", no_counterfactual());
  if (question.eigen_smooth && !smoothable) throw Error(ErrorKind::usage, "eigen smoothing ", no_smoothing());
  if (question.path_average < 1)
    throw Error(ErrorKind::usage, "a path average of ", question.path_average,
                " steps was asked for, expected 1 or more");
  if (question.path_average != 1 && !takes_path_average())
    throw Error(ErrorKind::usage, "a path average ", no_path_average());
  if (!question.more_layers.empty()) {
    const auto joinable = [](const Method& method) {
      return method.needs.layer && !method.needs.input_gradient;
    };
    if (!joinable(*this))
      throw Error(ErrorKind::usage, "layers are joined of maps at a layer, which ", name, " does not give; ",
                  names_of_methods(joinable), " do");
    require_fusion(preset, fusion_gain);
  }
  if (const auto& window = question.window;
      window && (window->side < 1 || window->stride < 1 || window->stride > window->side))
    throw Error(ErrorKind::usage, "a window of ", window->side, " pixels every ", window->stride,
                " was asked for, expected one pixel or more, and a stride of the window's side at most");
  const RandomMasks& masks = question.masks;
  if (masks.count < 1 || masks.grid < 1 || masks.grid > 256 || !(masks.keep > 0 && masks.keep <= 1))
    throw Error(
        ErrorKind::usage, masks.count, " masks of ", masks.grid, "×", masks.grid,
        " cells, each kept with a probability of ", masks.keep,
        ", were asked for, expected one mask or more, 1 to 256 cells a side and a probability above 0");
  if (question.channels && !needs.input_gradient)
    throw Error(ErrorKind::usage, "channels are those of the input, which ", name, " does not go to");
  if (std::ranges::find(presets, preset) == presets.end()) {
    std::vector<std::string> names;
    for (const Preset defining : presets) names.emplace_back(name_of(defining));
    throw Error(ErrorKind::unsupported, "preset ", name_of(preset), " defines no ", name, "; use ",
                enumerated(names, " or "));
  }
}

std::string Method::no_counterfactual() const {
  return no_meaning_for(*this, [](const Method& method) { return method.counterfactual; });
}

std::string Method::no_smoothing() const {
  return no_meaning_for(*this, [](const Method& method) { return method.smoothable; });
}

std::string Method::no_path_average() const {
  return no_meaning_for(*this, [](const Method& method) { return method.takes_path_average(); });
}

void Method::require_network(const Network& network) const {
  if (!is_defined_for) return;
  const NodeId score = score_node(network), input = network.input();
  const std::vector<bool> decided = decided_by(network, {&input, 1});
  std::vector<bool> read(at(network.size()), false);
  read[at(score)] = true;
  std::map<OpKind, int> refused;
  for (NodeId id = score; id > 0; --id) {
    const Node& node = network.node(id);
    if (!read[at(id)] || !decided[at(id)]) continue;
    for (const NodeId from : node.inputs) read[at(from)] = true;
    if (node.computes() && !is_defined_for(node.kind())) ++refused[node.kind()];
  }
  if (!refused.empty())
    throw Error(ErrorKind::unsupported, name, " is not defined for ", layers_by_kind(refused),
                ", which this network has; use integrated-gradients, which asks nothing of a network");
}

std::optional<NodeId> Method::layer_in(const Network& network, NodeId chosen) const {
  require_network(network);
  if (!needs.cam_head) return needs.layer ? std::optional(chosen) : std::nullopt;
  if (const auto head = find_cam_head(network)) return head->features;
  throw Error(ErrorKind::unsupported, name,
              " needs a network that ends in global average pooling and one linear layer or 1×1 convolution, "
              "which this one does not; use grad-cam");
}

std::map<OpKind, int> Method::plain_gradient_at(const Network& network) const {
  std::map<OpKind, int> layers;
  if (reads_values(rule)) return layers;  // require_network refuses them
  for (const Node& node : network.nodes())
    if (node.computes() && is_activation(node.kind()) && !is_defined_at(rule, node.kind()))
      ++layers[node.kind()];
  return layers;
}

std::string Method::plain_gradient_note(const Network& network) const {
  const std::map<OpKind, int> kinds = plain_gradient_at(network);
  if (kinds.empty()) return {};
  return text(name, "'s rule is not defined at ", layers_by_kind(kinds),
              ": the plain gradient is taken there, as captum and pytorch-grad-cam do");
}

std::string_view Method::identical_to(const Network& network, NodeId layer, Preset preset) const {
  const std::optional<CamHead> head = find_cam_head(network);
  const bool same = head && head->features == layer &&
                    network.node(head->classifier).kind() == OpKind::linear &&
                    (!identity.non_negative || is_never_negative(network, layer)) &&
                    (!identity.under || identity.under == preset);
  return same ? identity.to : std::string_view();
}

std::vector<Result> Method::ask(Probe& probe, const Question& question) const {
  if (question.more_layers.empty()) return answer(probe, question, rule);
  std::vector<NodeId> layers = question.more_layers;
  layers.push_back(*question.layer);
  std::ranges::sort(layers);  // a layer comes before those that it leads to
  std::vector<std::vector<Tensor>> maps(static_cast<std::size_t>(probe.input().shape()[0]));
  for (const NodeId layer : layers) {
    Question at = question;
    at.layer = layer;
    at.more_layers.clear();
    std::vector<Result> results = answer(probe, at, rule);
    for (std::size_t n = 0; n < results.size(); ++n) maps[n].push_back(results[n].map->map.to(DType::f32));
  }
  const Shape& input = probe.input().shape();
  std::vector<Result> results(maps.size());
  for (std::size_t n = 0; n < maps.size(); ++n)
    results[n].map = ClassMap{{}, fused_map(maps[n], question.preset, fusion_gain, input[2], input[3])};
  return results;
}

std::vector<Result> Method::explain(Probe& probe, const Question& question) const {
  require_defined(question);
  require_network(probe.network());
  if (needs.layer && !question.layer)
    throw Error(ErrorKind::usage, name, " looks at a layer, and none was named");
  std::vector<Result> results = smoothed(probe, *this, question);
  if (needs.input_gradient && !gives_gradient(question))
    for (Result& result : results) {
      result.map = ClassMap{{}, reduced(result.gradient, question.channels ? *question.channels : *channels)};
      result.gradient = Tensor();
    }
  return results;
}

}  // namespace backlight
