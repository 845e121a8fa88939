#include "support/fill_network.hpp"

#include <cmath>

#include "support/random.hpp"

namespace backlight::test {

void fill_parameter(Tensor& tensor, const std::string& name, Context& context) {
  double low = -0.1, high = 0.1;
  if (tensor.shape().rank() >= 2) {
    const std::int64_t fan_in = tensor.numel() / tensor.shape()[0];
    high = std::sqrt(6.0 / static_cast<double>(fan_in));
    low = -high;
  } else if (name.ends_with("weight") || name.ends_with("running_var")) {
    low = 0.5;
    high = 1.5;
  }
  const std::uint64_t seed = seed_of(name);
  float* data = tensor.data<float>();
  context.parallel_ranges(tensor.numel(), 1 << 16, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      data[i] = static_cast<float>(low + (high - low) * random_uniform(seed, static_cast<std::uint64_t>(i)));
  });
}

void fill_network(Network& network, Context& context) {
  for (NamedParameter& p : network.parameters()) fill_parameter(*p.tensor, p.name, context);
}

}  // namespace backlight::test
