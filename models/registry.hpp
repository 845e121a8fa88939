// The networks that backlight knows by name, and what goes with each.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/explain/display.hpp"
#include "engine/graph/network.hpp"
#include "kernels/preprocess/preprocess.hpp"
#include "models/labels/labels.hpp"
#include "weights/description.hpp"

namespace backlight {

/// Where Grad-CAM looks when no layer is named; paths for Network::find. It is the activation that the head
/// pools, the value whose places add up to the score. The exceptions are AlexNet and VGG, for which
/// pytorch-grad-cam's examples name the last pooling and torch-cam finds the last value with places.
struct DefaultLayers {
  std::string paper, pytorch_grad_cam, captum, torch_cam;

  const std::string& of(Preset preset) const;
};

struct ModelInfo {
  std::string name;
  Preprocessing preprocessing;
  LabelSet labels = LabelSet::none;
  DefaultLayers default_layers;
  int min_input_size = 1;  ///< the smallest square the network can take
  bool any_size = true;    ///< false: only sizes near preprocessing.input_size fit
  /// The layer whose rows are the classes: the last linear one, SqueezeNet's last convolution.
  std::string classifier = {};
};

/// In the order of the registry: by family, then by depth.
std::vector<std::string> model_names();

/// Throws Error(usage) with the nearest names for a name that is not registered.
const ModelInfo& model_info(std::string_view name);
/// What goes with a network that differs from the published one: its number of input channels (for one
/// channel the mean and std of the three, averaged), the pictures' size that a small stem or an early pooling
/// implies.
ModelInfo model_info(const NetworkDescription& description);

/// The published network with another number of classes. Throws Error(usage) for an unknown name or less than
/// one class.
NetworkDescription describe(std::string_view name, std::int64_t num_classes);

/// The network with uninitialised parameters. Throws Error(usage) for an unknown name or a head without
/// classes.
Network build_model(const NetworkDescription& description);
Network build_model(std::string_view name, std::int64_t num_classes);

}  // namespace backlight
