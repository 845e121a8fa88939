// Activations against the CPU: to the last places, since each has its own exponential function.
#include <limits>

#include "arrays.hpp"
#include "kernels/activation/activation.hpp"
#include "modes.hpp"
#include "sentinel.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

const Activation kActivations[] = {
    activations::Sigmoid{},   activations::Tanh{},           activations::Silu{}, activations::HardSigmoid{},
    activations::HardSwish{}, activations::LeakyRelu{0.125}, activations::Gelu{}, activations::GeluTanh{}};

/// One, fewer than a vector, a whole number of vectors or not, more than a block's 4096 elements.
constexpr std::int64_t kActivationCounts[] = {0, 1, 3, 127, 1024, 4097};
constexpr double kActivationTolerance = 2e-6;

}  // namespace

TEST_CASE("activations: CUDA agrees with the CPU on every tail and in place") {
  in_every_mode([] {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    for (const Activation& activation : kActivations)
      for (const std::int64_t count : kActivationCounts)
        for (const std::int64_t offset : {0, 1}) {
          CAPTURE(activation.index());
          CAPTURE(count);
          const std::vector<float> x = awkward_values(count, "cuda.activation.x");
          const std::vector<float> dy = awkward_values(count, "cuda.activation.dy");
          std::vector<float> y(x.size()), dx(x.size());
          cpu::activation_forward(host, count, activation, x.data(), y.data());
          cpu::activation_backward(host, count, activation, x.data(), dy.data(), dx.data());

          Guarded device_x(device, x, offset), device_y(device, unwritten(count), offset);
          cuda::activation_forward(device, count, activation, device_x.data(), device_y.data());
          CHECK(relative_difference(device_y.values(), y) <= kActivationTolerance);
          CHECK(device_x.values() == x);
          Guarded device_dy(device, dy, offset), device_dx(device, unwritten(count), offset);
          cuda::activation_backward(device, count, activation, device_x.data(), device_dy.data(),
                                    device_dx.data());
          CHECK(relative_difference(device_dx.values(), dx) <= kActivationTolerance);

          cuda::activation_backward(device, count, activation, device_x.data(), device_dy.data(),
                                    device_dy.data());
          CHECK(same_bits(device_dy.values(), device_dx.values()));
          cuda::activation_forward(device, count, activation, device_x.data(), device_x.data());
          CHECK(same_bits(device_x.values(), device_y.values()));
        }
  });
}

TEST_CASE("activations: on CUDA kinks are the CPU's and NaN stays NaN") {
  in_every_mode([] {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    const std::vector<float> x{-3, 3, 0, -1e4f, 1e4f}, ones(x.size(), 1);
    for (const Activation& activation : kActivations) {
      CAPTURE(activation.index());
      std::vector<float> dx(x.size());
      cpu::activation_backward(host, 5, activation, x.data(), ones.data(), dx.data());
      Guarded device_x(device, x), device_dy(device, ones), device_dx(device, unwritten(5));
      cuda::activation_backward(device, 5, activation, device_x.data(), device_dy.data(), device_dx.data());
      CHECK(relative_difference(device_dx.values(), dx) <= kActivationTolerance);

      Guarded nan(device, {std::numeric_limits<float>::quiet_NaN()}), y(device, {0});
      cuda::activation_forward(device, 1, activation, nan.data(), y.data());
      CHECK(std::isnan(y.values()[0]));
    }
  });
}

TEST_CASE("activations: bytes and operations follow from the equations") {
  CHECK(cuda::activation_forward_cost(100) == Cost{800, 100});
  CHECK(cuda::activation_backward_cost(100) == Cost{1200, 200});
}
