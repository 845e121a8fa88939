#include "support/device.hpp"

#include <algorithm>
#include <cstdlib>

#include "engine/runtime/cuda/devices.hpp"
#include "support/compare.hpp"

namespace backlight::test {
namespace {

constexpr double kOnEmulatedCuda = 1e-5, kOnGpu = 1e-4;

bool is_gpu(const Device& device) {
  return device.kind == Device::Kind::cuda && cuda::devices().build == cuda::Build::real;
}

}  // namespace

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

double tolerance_on(const Device& device, double on_cpu) {
  if (device.kind == Device::Kind::cpu) return on_cpu;
  return std::max(on_cpu, is_gpu(device) ? kOnGpu : kOnEmulatedCuda);
}

bool same_result(const Tensor& a, const Tensor& b) {
  return is_gpu(test_device()) ? relative_error(a, b) <= kOnGpu : same_bits(a, b);
}

}  // namespace backlight::test
