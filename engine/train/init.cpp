#include "engine/train/init.hpp"

#include <cmath>

#include "engine/core/random.hpp"

namespace backlight {
namespace {

void fill_uniform(Tensor& tensor, double bound, std::uint64_t key) {
  dispatch_dtype(tensor.dtype(), [&]<class T>() {
    T* data = tensor.data<T>();
    for (std::int64_t i = 0; i < tensor.numel(); ++i)
      data[i] = static_cast<T>(bound * (2 * random_uniform(key, static_cast<std::uint64_t>(i)) - 1));
  });
}

}  // namespace

void initialise(Network& network, std::uint64_t seed) {
  for (const NamedParameter& p : network.parameters()) {
    Tensor& tensor = *p.tensor;
    const Shape& shape = tensor.shape();
    if (shape.rank() >= 2) {
      const double fan_in = static_cast<double>(tensor.numel() / shape[0]);
      const bool tokens = network.node(p.node).kind() == OpKind::embedding;
      fill_uniform(tensor, std::sqrt(tokens ? 3 : (shape.rank() == 4 ? 6 : 1) / fan_in),
                   random_bits(seed, hash_of(p.name)));
    } else {
      tensor.fill(p.name.ends_with("weight") || p.name.ends_with("running_var") ? 1 : 0);
    }
  }
}

}  // namespace backlight
