// A network with squeeze-and-excitation against PyTorch and captum: tests/golden/make_squeeze_excitation.py.
#include <doctest/doctest.h>

#include <utility>
#include <vector>

#include "engine/explain/explanation.hpp"
#include "support/compare.hpp"
#include "support/device.hpp"
#include "support/golden.hpp"
#include "support/random.hpp"
#include "support/squeeze_excitation.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

const std::vector<std::int64_t> kClasses = {1, 4};

Tensor two_inputs() { return random_tensor({2, 3, 13, 18}, "squeeze_excitation.x"); }

/// Of the largest value; a ReLU's decisions are the same in float32 as in the goldens' float64 here.
double off_golden(const Context& context, const Tensor& found, const std::string& name) {
  return relative_error(context.to_host(found), golden("squeeze_excitation", name));
}

}  // namespace

TEST_CASE("squeeze and excitation: scores and gradients and Grad-CAM are PyTorch's and captum's" *
          doctest::test_suite("device")) {
  Context context = test_context(2);
  const Network network = placed(squeeze_excitation_network(), context);
  const NodeId layer = network.find("silu");
  const double tolerance = tolerance_on(test_device(), 5e-6);
  Explanation explanation(network, context, two_inputs(), {layer}, /*input_gradient=*/true);
  const Seed target = explanation.target(kClasses);
  CHECK(off_golden(context, explanation.scores(), "scores") <= tolerance);
  CHECK(off_golden(context, explanation.grad_cam(layer, target).map, "grad-cam") <= tolerance);
  CHECK(off_golden(context, explanation.gradient(target, BackwardRule::standard), "gradient") <= tolerance);
}

TEST_CASE("squeeze and excitation: rules change the one ReLU's backward as captum does" *
          doctest::test_suite("device")) {
  Context context = test_context(2);
  const Network network = placed(squeeze_excitation_network(), context);
  const double tolerance = tolerance_on(test_device(), 5e-6);
  Explanation explanation(network, context, two_inputs(), {}, /*input_gradient=*/true);
  const Seed target = explanation.target(kClasses);
  CHECK(off_golden(context, explanation.gradient(target, BackwardRule::guided), "guided") <= tolerance);
  CHECK(off_golden(context, explanation.gradient(target, BackwardRule::deconvnet), "deconvnet") <= tolerance);
}

TEST_CASE("squeeze and excitation: a batch gives the bits of its images and threads change none") {
  const Network network = squeeze_excitation_network();
  const auto ask = [&](Tensor x, std::vector<std::int64_t> classes, int threads) {
    Context context({}, threads);
    Explanation explanation(network, context, std::move(x), {network.find("silu")}, /*input_gradient=*/true);
    const Seed target = explanation.target(classes);
    return std::pair(explanation.grad_cam(network.find("silu"), target).map,
                     explanation.gradient(target, BackwardRule::guided));
  };
  const auto [maps, gradients] = ask(two_inputs(), kClasses, 1);
  const auto [maps3, gradients3] = ask(two_inputs(), kClasses, 3);
  CHECK(same_bits(maps3, maps));
  CHECK(same_bits(gradients3, gradients));
  for (std::size_t n = 0; n < 2; ++n) {
    const auto part = [&](const Tensor& batch) {
      const auto size = static_cast<std::size_t>(batch.numel() / 2);
      return Tensor::from(batch.shape().with(0, 1), batch.values().subspan(n * size, size));
    };
    const auto [map, gradient] = ask(part(two_inputs()), {kClasses[n]}, 2);
    CHECK(same_bits(map, part(maps)));
    CHECK(same_bits(gradient, part(gradients)));
  }
}
