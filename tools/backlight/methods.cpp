#include "tools/backlight/methods.hpp"

#include <array>

#include "kernels/saliency/saliency.hpp"
#include "tools/backlight/common.hpp"

namespace backlight::tools {
namespace {

constexpr std::array<std::pair<std::string_view, Method>, 7> kMethods{{
    {"grad-cam", Method::grad_cam},
    {"guided-backprop", Method::guided_backprop},
    {"deconvnet", Method::deconvnet},
    {"guided-grad-cam", Method::guided_grad_cam},
    {"deconv-grad-cam", Method::deconv_grad_cam},
    {"cam", Method::cam},
    {"gradient", Method::gradient},
}};

/// 1×a×… as a×….
Tensor of_one_image(Tensor tensor) {
  const Shape shape = tensor.shape();
  return std::move(tensor).reshaped(Shape(shape.extents().subspan(1)));
}

ClassMap of_one_image(const Context& context, const ClassMap& maps) {
  return {context.to_host(maps.alpha), of_one_image(context.to_host(maps.map))};
}

}  // namespace

std::string_view name_of(Method method) {
  for (const auto& [name, value] : kMethods)
    if (value == method) return name;
  throw Error(ErrorKind::internal, "a method without a name");
}

Method parse_method(std::string_view name) { return parse_choice("method", name, kMethods); }

bool uses_map(Method method) { return uses_layer(method) || method == Method::cam; }

bool uses_layer(Method method) {
  return method == Method::grad_cam || method == Method::guided_grad_cam || method == Method::deconv_grad_cam;
}

std::optional<ReluRule> gradient_rule(Method method) {
  switch (method) {
    case Method::guided_backprop:
    case Method::guided_grad_cam:
      return ReluRule::guided;
    case Method::deconvnet:
    case Method::deconv_grad_cam:
      return ReluRule::deconvnet;
    case Method::gradient:
      return ReluRule::standard;
    case Method::grad_cam:
    case Method::cam:
      return std::nullopt;
  }
  return std::nullopt;
}

ClassEvidence::ClassEvidence(Explanation& explanation, const Context& context,
                             const Preprocessing& preprocessing, const ClassTarget& target, Preset preset)
    : explanation_(explanation),
      context_(context),
      preprocessing_(preprocessing),
      target_(target),
      preset_(preset),
      seed_(explanation.target({&target_.output, 1}, target_.direction)) {}

const ClassMap& ClassEvidence::grad_cam(NodeId layer) {
  const auto known = maps_.find(layer);
  if (known != maps_.end()) return known->second;
  ClassMap map = of_one_image(context_, explanation_.grad_cam(layer, seed_, alpha_reduction(preset_)));
  return maps_.emplace(layer, std::move(map)).first->second;
}

const ClassMap& ClassEvidence::cam() {
  if (!cam_) cam_ = of_one_image(context_, explanation_.cam({&target_.output, 1}, target_.direction));
  return *cam_;
}

const Tensor& ClassEvidence::gradient(ReluRule rule) {
  const auto known = gradients_.find(rule);
  if (known != gradients_.end()) return known->second;
  Tensor gradient =
      to_rgb_order(of_one_image(context_.to_host(explanation_.gradient(seed_, rule))), preprocessing_);
  return gradients_.emplace(rule, std::move(gradient)).first->second;
}

Answer ClassEvidence::answer(const Question& question) {
  Answer answer;
  if (question.method == Method::cam) answer.map = &cam();
  if (uses_layer(question.method)) answer.map = &grad_cam(*question.layer);
  if (const auto rule = gradient_rule(question.method))
    answer.gradient = answer.map != nullptr ? guided_product(gradient(*rule), answer.map->map, preset_)
                                            : gradient(*rule).clone();
  return answer;
}

}  // namespace backlight::tools
