// The attribution methods by name, and the answers that each gives about one class.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

#include "engine/explain/display.hpp"
#include "kernels/preprocess/preprocess.hpp"
#include "models/scores.hpp"

namespace backlight::tools {

enum class Method : std::uint8_t {
  grad_cam,
  guided_backprop,
  deconvnet,
  guided_grad_cam,
  deconv_grad_cam,
  cam,
  gradient,
};

/// "grad-cam", "guided-backprop", "deconvnet", "guided-grad-cam", "deconv-grad-cam", "cam", "gradient".
std::string_view name_of(Method method);
/// Throws Error(usage) with the nearest names.
Method parse_method(std::string_view name);

/// Whether the method is built on a map, whose layer the user may choose for all but CAM.
bool uses_map(Method method);
bool uses_layer(Method method);
/// The rule of the backward pass to the input, for methods that have one.
std::optional<ReluRule> gradient_rule(Method method);

/// One method at one layer; no layer where the method goes to the input alone.
struct Question {
  Method method;
  std::optional<NodeId> layer;
};

/// What a question gave. Null and empty where the method has no such thing.
struct Answer {
  const ClassMap* map = nullptr;  ///< 1×h×w, raw and signed
  Tensor gradient;                ///< C×H×W, 3 in the order R G B or 1, for guided methods times the map

  /// The method's raw result: the gradient, else the map as h×w.
  const Tensor& raw() const { return gradient.defined() ? gradient : map->map; }
};

/// Everything about one class of one picture. Maps and gradients are computed when first asked for and shared
/// by the methods that need them.
class ClassEvidence {
 public:
  /// `explanation` must outlive this and have the layers and the input gradient that will be asked for.
  /// What it gives lies in the host's memory.
  ClassEvidence(Explanation& explanation, const Context& context, const Preprocessing& preprocessing,
                const ClassTarget& target, Preset preset);

  Answer answer(const Question& question);

 private:
  const ClassMap& grad_cam(NodeId layer);
  const ClassMap& cam();
  const Tensor& gradient(ReluRule rule);

  Explanation& explanation_;
  const Context& context_;
  const Preprocessing& preprocessing_;
  ClassTarget target_;
  Preset preset_;
  Seed seed_;
  std::map<NodeId, ClassMap> maps_;
  std::map<ReluRule, Tensor> gradients_;
  std::optional<ClassMap> cam_;
};

}  // namespace backlight::tools
