#include "models/head.hpp"

#include "kernels/layers.hpp"

namespace backlight {
namespace {

std::unique_ptr<Layer> layer_of(const HeadLayer& described) {
  switch (described.kind) {
    case HeadLayer::Kind::linear:
      return linear(described.in, described.out, described.bias);
    case HeadLayer::Kind::batch_norm:
      return batch_norm1d(described.out);
    case HeadLayer::Kind::relu:
      return relu();
    case HeadLayer::Kind::dropout:
      return dropout(0.5);
  }
  throw Error(ErrorKind::internal, "a head's layer without a kind");
}

}  // namespace

void add_head(Network& net, std::span<const HeadLayer> head) {
  for (const HeadLayer& described : head) net.add(described.name, layer_of(described));
}

}  // namespace backlight
