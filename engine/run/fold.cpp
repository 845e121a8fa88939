#include "engine/run/fold.hpp"

#include <algorithm>
#include <cmath>
#include <variant>

#include "kernels/conv2d/conv2d_layer.hpp"

namespace backlight {
namespace {

double eps_of(const Layer& batch_norm) {
  const std::vector<Attribute> all = batch_norm.attributes();
  return std::get<double>(std::ranges::find(all, "eps", &Attribute::name)->value);
}

}  // namespace

std::vector<NodeId> find_folds(std::span<const Node> nodes, const std::vector<bool>& kept) {
  const std::vector<int> readers = readers_of(nodes);
  std::vector<NodeId> found;
  for (NodeId id = 0; id < static_cast<NodeId>(nodes.size()); ++id) {
    const Node& node = nodes[static_cast<std::size_t>(id)];
    if (node.kind() != OpKind::batch_norm2d) continue;
    const auto from = static_cast<std::size_t>(node.inputs.front());
    if (nodes[from].kind() == OpKind::conv2d && readers[from] == 1 && !kept[from]) found.push_back(id);
  }
  return found;
}

FoldedConv2d fold_batch_norm(const Context& context, const Node& convolution, const Node& batch_norm,
                             const Weights& weights) {
  const auto on_host = [&](const Node& node, std::size_t i) { return weights[node.parameters[i]].to_host(); };
  Tensor weight = on_host(convolution, 0);
  const std::int64_t channels = weight.shape()[0], per_channel = weight.numel() / channels;
  Tensor bias =
      convolution.parameters.size() > 1 ? on_host(convolution, 1) : Tensor::zeros({channels}, weight.dtype());
  const Tensor gamma = on_host(batch_norm, 0), beta = on_host(batch_norm, 1);
  const Tensor mean = on_host(batch_norm, 2), variance = on_host(batch_norm, 3);
  const double eps = eps_of(*batch_norm.layer);
  dispatch_dtype(weight.dtype(), [&]<class T>() {
    for (std::int64_t c = 0; c < channels; ++c) {
      const auto value = [c](const Tensor& tensor) { return static_cast<double>(tensor.data<T>()[c]); };
      const double s = value(gamma) / std::sqrt(value(variance) + eps);
      T* row = weight.data<T>() + c * per_channel;
      for (std::int64_t i = 0; i < per_channel; ++i) row[i] = static_cast<T>(static_cast<double>(row[i]) * s);
      bias.data<T>()[c] = static_cast<T>((value(bias) - value(mean)) * s + value(beta));
    }
  });
  FoldedConv2d folded{with_bias(*convolution.layer), std::move(weight), std::move(bias)};
  if (context.device().kind == Device::Kind::cpu) return folded;
  folded.weight = context.share(folded.weight);
  folded.bias = context.share(folded.bias);
  context.synchronize();
  return folded;
}

}  // namespace backlight
