#include "engine/explain/methods.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "engine/core/nearest.hpp"
#include "kernels/overlay/overlay.hpp"

namespace backlight {
namespace {

/// Image n of a batch, without the batch's extent.
Tensor image_of(const Tensor& batch, std::size_t n) {
  Tensor image(Shape(batch.shape().extents().subspan(1)), batch.dtype());
  dispatch_dtype(batch.dtype(), [&]<class T>() {
    std::memcpy(image.data<T>(), batch.data<T>() + n * static_cast<std::size_t>(image.numel()),
                image.bytes());
  });
  return image;
}

/// A result per image of maps, gradients or both.
std::vector<Result> per_image(const ClassMap* maps, const Tensor* gradients) {
  std::vector<Result> results(static_cast<std::size_t>((maps ? maps->map : *gradients).shape()[0]));
  for (std::size_t n = 0; n < results.size(); ++n) {
    if (maps) results[n].map = ClassMap{image_of(maps->alpha, n), image_of(maps->map, n)};
    if (gradients) results[n].gradient = image_of(*gradients, n);
  }
  return results;
}

const ClassMap& layer_map(Probe& probe, const Question& question) {
  return probe.grad_cam(*question.layer, question.target, alpha_reduction(question.preset));
}

std::vector<Result> answer_grad_cam(Probe& probe, const Question& question, BackwardRule) {
  return per_image(&layer_map(probe, question), nullptr);
}

std::vector<Result> answer_cam(Probe& probe, const Question& question, BackwardRule) {
  return per_image(&probe.cam(question.target), nullptr);
}

std::vector<Result> answer_gradient(Probe& probe, const Question& question, BackwardRule rule) {
  return per_image(nullptr, &probe.gradient(probe.network().input(), question.target, rule));
}

std::vector<Result> answer_product(Probe& probe, const Question& question, BackwardRule rule) {
  std::vector<Result> results =
      per_image(&layer_map(probe, question), &probe.gradient(probe.network().input(), question.target, rule));
  for (Result& result : results)
    result.gradient = guided_product(result.gradient, result.map->map, question.preset);
  return results;
}

/// Those that define a product of map and gradient: all but torch-cam.
constexpr std::array kProductPresets{Preset::paper, Preset::pytorch_grad_cam, Preset::captum};

constexpr std::array kMethods{
    Method{.name = "grad-cam",
           .summary = "where a layer sees what speaks for the class",
           .paper = "arXiv:1610.02391",
           .needs = {.layer = true},
           .backwards = 1,
           .counterfactual = true,
           .answer = answer_grad_cam},
    Method{.name = "cam",
           .summary = "the same at the last features, by the weights of the layer that pools them",
           .paper = "arXiv:1512.04150",
           .needs = {.cam_head = true},
           .counterfactual = true,
           .answer = answer_cam},
    Method{.name = "guided-backprop",
           .summary = "fine detail: ReLUs that were open let positive gradients through",
           .paper = "arXiv:1412.6806",
           .needs = {.input_gradient = true},
           .rule = BackwardRule::guided,
           .backwards = 1,
           .answer = answer_gradient},
    Method{.name = "deconvnet",
           .summary = "fine detail: every ReLU lets positive gradients through",
           .paper = "arXiv:1311.2901",
           .needs = {.input_gradient = true},
           .rule = BackwardRule::deconvnet,
           .backwards = 1,
           .answer = answer_gradient},
    Method{.name = "guided-grad-cam",
           .summary = "guided-backprop times grad-cam",
           .paper = "arXiv:1610.02391",
           .needs = {.layer = true, .input_gradient = true},
           .rule = BackwardRule::guided,
           .backwards = 2,
           .counterfactual = true,
           .presets = kProductPresets,
           .answer = answer_product},
    Method{.name = "deconv-grad-cam",
           .summary = "deconvnet times grad-cam",
           .paper = "arXiv:1610.02391",
           .needs = {.layer = true, .input_gradient = true},
           .rule = BackwardRule::deconvnet,
           .backwards = 2,
           .counterfactual = true,
           .presets = kProductPresets,
           .answer = answer_product},
    Method{.name = "gradient",
           .summary = "which change of a pixel would change the score most",
           .paper = "arXiv:1312.6034",
           .needs = {.input_gradient = true},
           .backwards = 1,
           .answer = answer_gradient},
};

/// `a, b and c`.
std::string enumerated(std::span<const std::string> names, std::string_view last) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i)
    out += text(i == 0 ? "" : i + 1 < names.size() ? ", " : last, names[i]);
  return out;
}

}  // namespace

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

std::span<const Method> methods() { return kMethods; }

const Method& find_method(std::string_view name) {
  std::vector<std::string> names;
  for (const Method& method : kMethods) {
    if (method.name == name) return method;
    names.emplace_back(method.name);
  }
  throw Error(ErrorKind::usage, "unknown method '", name, "'", did_you_mean(name, names), "; expected ",
              enumerated(names, ", "));
}

std::string names_of_methods(bool (*so)(const Method&)) {
  std::vector<std::string> names;
  for (const Method& method : kMethods)
    if (so(method)) names.emplace_back(method.name);
  return enumerated(names, " and ");
}

void Method::require_defined(Direction direction, Preset preset) const {
  if (direction == Direction::counterfactual && !counterfactual)
    throw Error(ErrorKind::usage, "a counterfactual ", no_counterfactual());
  if (std::ranges::find(presets, preset) == presets.end()) {
    std::vector<std::string> names;
    for (const Preset defining : presets) names.emplace_back(name_of(defining));
    throw Error(ErrorKind::unsupported, "preset ", name_of(preset), " defines no ", name, "; use ",
                enumerated(names, " or "));
  }
}

std::string Method::no_counterfactual() const {
  return text("has no meaning for ", name, "; it has for ",
              names_of_methods([](const Method& method) { return method.counterfactual; }));
}

std::optional<NodeId> Method::layer_in(const Network& network, NodeId chosen) const {
  if (!needs.cam_head) return needs.layer ? std::optional(chosen) : std::nullopt;
  if (const auto head = find_cam_head(network)) return head->features;
  throw Error(ErrorKind::unsupported, name,
              " needs a network that ends in global average pooling and one linear layer or 1×1 convolution, "
              "which this one does not; use grad-cam");
}

std::map<OpKind, int> Method::plain_gradient_at(const Network& network) const {
  std::map<OpKind, int> layers;
  for (const Node& node : network.nodes())
    if (node.computes() && is_activation(node.kind()) && !is_defined_at(rule, node.kind()))
      ++layers[node.kind()];
  return layers;
}

std::string Method::plain_gradient_note(const Network& network) const {
  std::vector<std::string> kinds;
  for (const auto& [kind, layers] : plain_gradient_at(network))
    kinds.push_back(text(kind, " (", layers, layers == 1 ? " layer)" : " layers)"));
  if (kinds.empty()) return {};
  return text(name, "'s rule is not defined at ", enumerated(kinds, " and "),
              ": the plain gradient is taken there, as captum and pytorch-grad-cam do");
}

std::vector<Result> Method::explain(Probe& probe, const Question& question) const {
  require_defined(question.target.direction, question.preset);
  if (needs.layer && !question.layer)
    throw Error(ErrorKind::usage, name, " looks at a layer, and none was named");
  return answer(probe, question, rule);
}

}  // namespace backlight
