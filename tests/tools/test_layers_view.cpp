#include <doctest/doctest.h>

#include "kernels/layers.hpp"
#include "tools/backlight/layers_view.hpp"

using namespace backlight;
using namespace backlight::tools;

namespace {

NetworkView viewed(const Network& network) {
  const std::string last = network.node(network.output()).name;
  ModelInfo info;
  info.default_layers = {last, last, last, last};
  return view_of(network, info, {1, 4, 16, 16}, {});
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("layers: every option of an operation is an attribute") {
  Network network(4);
  network.add("conv", conv2d(4, 8, {.kernel = {3, 5}, .dilation = 2, .padding = {0, 1, 2, 3}, .groups = 2}));
  network.add("same", conv2d(8, 8, {.kernel = 3, .same = true}));
  network.add("norm", batch_norm2d(8, 1e-3));
  network.add("lrn", local_response_norm({.size = 3, .alpha = 0.5, .beta = 0.25, .k = 2}));
  network.add("max", max_pool2d({.kernel = 2, .stride = 1, .ceil_mode = true}));
  network.add("avg", avg_pool2d({.kernel = 3, .padding = {1, 0}, .count_include_pad = false}));
  network.add("drop", dropout(0.25));
  network.add("pad", strided_identity_pad(10, 1));
  network.add("adaptive", adaptive_avg_pool2d({2, 1}));
  network.add("leaky", leaky_relu(0.25));
  network.add("gelu", gelu(/*approximate=*/true));
  const NetworkView view = viewed(network);

  const std::vector<std::string> expected = {
      R"({})",
      R"({"kernel":[3,5],"stride":[1,1],"dilation":[2,2],"padding":[0,1,2,3],"same":false,"groups":2})",
      R"({"kernel":[3,3],"stride":[1,1],"dilation":[1,1],"padding":[0,0,0,0],"same":true,"groups":1})",
      R"({"eps":0.001,"momentum":0.1})",
      R"({"size":3,"alpha":0.5,"beta":0.25,"k":2.0})",
      R"({"kernel":[2,2],"stride":[1,1],"padding":[0,0],"dilation":[1,1],"ceil_mode":true})",
      R"({"kernel":[3,3],"stride":[3,3],"padding":[1,0],"dilation":[1,1],"ceil_mode":false,"count_include_pad":false})",
      R"({"p":0.25})",
      R"({"out_channels":10,"stride":1})",
      R"({"output":[2,1]})",
      R"({"negative_slope":0.25})",
      R"({"approximate":true})"};
  const Json json = layers_json(view);
  REQUIRE(json["layers"].size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    CHECK(json["layers"][i]["attributes"].dump() == expected[i]);

  const std::string dot = layers_dot(view);
  CHECK(contains(dot, R"(conv\nconv2d, kernel 3×5, dilation 2×2, padding 0,1,2,3, groups 2\n)"));
  CHECK(contains(dot, R"(same\nconv2d, kernel 3×3, same yes\n)"));
  CHECK(contains(dot, R"(norm\nbatch_norm2d, eps 0.001\n)"));
  CHECK(contains(dot, R"(count_include_pad no\n)"));
}

TEST_CASE("layers: a name is text to Graphviz whatever it holds") {
  Network network(4);
  network.add("quote\" back\\slash \\N &lt; end\\", conv2d(4, 4, {}));
  network.add("line\nescape\33[2J null" + std::string(1, '\0') + " Grüße", relu());
  network.add("broken \xff\xc3", relu6());
  const std::string dot = layers_dot(viewed(network));
  CHECK(contains(dot, R"([label="quote\" back\\slash \\N &amp;lt; end\\\nconv2d, kernel 1×1\n)"));
  CHECK(contains(dot, R"([label="line?escape?[2J null? Grüße\nrelu\n)"));
  CHECK(contains(dot, R"(fused into line?escape?[2J null? Grüße")"));
  CHECK(contains(dot, "[label=\"broken \uFFFD\uFFFD\\nrelu6"));
}
