// Networks of the registry with parameters that the golden generators compute alike.
#pragma once

#include <string>

#include "models/registry.hpp"
#include "support/fill_network.hpp"
#include "support/random.hpp"

namespace backlight::test {

/// The network with the number of classes it was published for.
inline Network filled_model(const std::string& name, Context& context) {
  Network network = build_model(name, model_info(name).labels == LabelSet::cifar10 ? 10 : 1000);
  fill_network(network, context);
  return network;
}

/// The input that tests/golden/reference_networks.py gives this network.
inline Tensor filled_input(const std::string& name, std::int64_t size) {
  return random_tensor({1, 3, size, size}, name + ".x", -2, 2);
}

}  // namespace backlight::test
