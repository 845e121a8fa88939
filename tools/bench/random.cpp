#include "tools/bench/random.hpp"

#include <cmath>

#include "engine/core/random.hpp"

namespace backlight::bench {

void fill_uniform(Tensor& tensor, std::uint64_t seed, double low, double high) {
  float* data = tensor.data<float>();
  for (std::int64_t i = 0; i < tensor.numel(); ++i)
    data[i] = static_cast<float>(low + (high - low) * random_uniform(seed, static_cast<std::uint64_t>(i)));
}

void randomise(Network& network) {
  std::uint64_t seed = 1;
  for (NamedParameter& p : network.parameters()) {
    const Shape& shape = p.tensor->shape();
    if (shape.rank() >= 2) {
      const double limit = std::sqrt(6.0 / static_cast<double>(shape.numel() / shape[0]));
      fill_uniform(*p.tensor, seed++, -limit, limit);
    } else if (p.name.ends_with("running_var") || p.name.ends_with("weight")) {
      fill_uniform(*p.tensor, seed++, 0.9, 1.1);
    } else {
      fill_uniform(*p.tensor, seed++, -0.1, 0.1);
    }
  }
}

}  // namespace backlight::bench
