// Grad-CAM by the closed form on networks of the registry, against the whole backward.
#include <doctest/doctest.h>

#include <string>

#include "engine/explain/explanation.hpp"
#include "models/filled_model.hpp"
#include "support/compare.hpp"
#include "support/device.hpp"

using namespace backlight;
using namespace backlight::test;

TEST_CASE("network sums: grad-cam needs no backward to the last layer of these networks" *
          doctest::test_suite("device")) {
  struct Case {
    const char* name;
    Shape x;
    const char* behind;  ///< whose gradient is enough
  };
  const Case cases[] = {{"resnet18", {2, 3, 97, 75}, "fc"},
                        {"efficientnet_lite0", {1, 3, 101, 67}, "_fc"},
                        {"squeezenet1_1", {1, 3, 83, 111}, "classifier.1"},
                        {"alexnet", {1, 3, 95, 130}, "classifier.1"}};
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Context context = test_context(0);
    const Network network = placed(filled_model(c.name, context), context);
    const NodeId layer = network.find(model_info(c.name).default_layers.pytorch_grad_cam);
    const Tensor x = random_tensor(c.x, std::string(c.name) + ".sums", -2, 2);
    const std::vector<std::int64_t> classes(static_cast<std::size_t>(c.x[0]), 7);
    const auto explain = [&](bool closed_form) {
      Optimisations optimise = Optimisations::all();
      optimise.closed_form = closed_form;
      Programs programs(network, optimise);
      Explanation explanation(programs, context, x.clone(), {layer}, false);
      const ChannelSums* const sums = explanation.program().channel_sums(layer);
      CHECK((sums ? network.node(sums->node).name : "") == (closed_form ? c.behind : ""));
      const ClassMap cam = explanation.grad_cam(layer, explanation.target(classes));
      return ClassMap{context.to_host(cam.alpha), context.to_host(cam.map)};
    };
    const ClassMap found = explain(true), expected = explain(false);
    const double tolerance = tolerance_on(context.device(), 2e-6);
    CHECK(relative_error(found.alpha, expected.alpha) <= tolerance);
    CHECK(relative_error(found.map, expected.map) <= tolerance);
    CHECK(relative_error(expected.alpha, Tensor::zeros(expected.alpha.shape())) > 1);
  }
}
