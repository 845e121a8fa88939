#include "tools/backlight/looks.hpp"

#include <algorithm>

namespace backlight::tools {

void choose_looks(Request& request, std::span<const std::string> layers, bool fuse,
                  std::span<const Method* const> methods, const Model& model) {
  const Network& network = model.network;
  std::vector<NodeId>& chosen = request.chosen_layers;
  for (const std::string& name : layers) add_once(chosen, network.find(name));
  if (chosen.empty()) chosen.push_back(network.find(model.info.default_layers.of(request.question.preset)));

  if (fuse && chosen.size() < 2)
    throw Error(ErrorKind::usage, "--fuse makes one map of several layers; name them: --layer layer3,layer4");
  for (const Method* method : methods) {
    if (method->needs.input_gradient) request.input_gradient = true;
    if (method->needs_tails(request.question)) request.tails = true;
    if (fuse) {
      std::vector<NodeId> more = chosen;
      const auto deepest = std::ranges::max_element(more);
      const NodeId layer = *deepest;
      more.erase(deepest);
      request.looks.push_back({method, layer, std::move(more)});
      continue;
    }
    // One look where the layer is no choice.
    for (const NodeId layer : method->needs.layer ? std::span(chosen) : std::span(chosen).first(1))
      request.looks.push_back({method, method->layer_in(network, layer)});
  }
  if (request.formats.panel) {
    request.layers.push_back(chosen.front());
    request.input_gradient = true;
  }
  for (const Look& look : request.looks) {
    if (look.layer) add_once(request.layers, *look.layer);
    for (const NodeId layer : look.more_layers) add_once(request.layers, layer);
  }

  const int size = model.info.preprocessing.input_size;
  const std::vector<Shape> shapes = network.shapes({1, model.info.preprocessing.channels, size, size});
  for (const NodeId layer : request.layers)
    if (const std::string obstacle =
            grad_cam_obstacle(network, layer, shapes[static_cast<std::size_t>(layer)]);
        !obstacle.empty())
      throw Error(ErrorKind::usage, "Grad-CAM cannot use layer '", network.node(layer).name, "': ", obstacle,
                  "; `backlight layers` lists those it can use");
}

}  // namespace backlight::tools
