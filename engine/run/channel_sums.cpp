#include "engine/run/channel_sums.hpp"

#include <numeric>

#include "kernels/conv2d/conv2d_layer.hpp"

namespace backlight {

std::optional<NodeId> product_behind(std::span<const Node> nodes, NodeId layer) {
  std::optional<NodeId> next = only_reader(nodes, layer);
  while (next && nodes[at(*next)].layer->keeps_sums()) next = only_reader(nodes, *next);
  if (!next) return std::nullopt;
  const Node& node = nodes[at(*next)];
  return node.kind() == OpKind::linear || is_pointwise(*node.layer) ? next : std::nullopt;
}

Tensor sums_by_channel(const Context& context, const Tensor& weight, std::int64_t channels) {
  const std::int64_t rows = weight.shape()[0], places = weight.numel() / (rows * channels);
  const Tensor copied = weight.on_host() ? Tensor() : weight.to_host();
  Tensor sums({rows, channels}, weight.dtype());
  dispatch_dtype(weight.dtype(), [&]<class T>() {
    const T* const w = (weight.on_host() ? weight : copied).data<T>();
    T* const to = sums.data<T>();
    context.parallel_for(rows, [=](std::int64_t row, int) {
      for (std::int64_t i = row * channels; i < (row + 1) * channels; ++i)
        to[i] = static_cast<T>(std::accumulate(w + i * places, w + (i + 1) * places, 0.0));
    });
  });
  if (context.device().kind == Device::Kind::cpu) return sums;
  Tensor shared = context.share(sums);
  context.synchronize();
  return shared;
}

}  // namespace backlight
