#include "support/device.hpp"

#include <cstdlib>

namespace backlight::test {

Device test_device() {
  const char* name = std::getenv("BACKLIGHT_TEST_DEVICE");
  return name == nullptr ? Device{} : Device::parse(name);
}

Context test_context(int threads) { return Context(test_device(), threads); }

Gradients to_host(const Context& context, const Gradients& gradients) {
  Gradients result;
  for (const auto& [node, gradient] : gradients.nodes) result.nodes.emplace(node, context.to_host(gradient));
  for (const Tensor& gradient : gradients.parameters)
    result.parameters.push_back(gradient.defined() ? context.to_host(gradient) : Tensor());
  return result;
}

}  // namespace backlight::test
