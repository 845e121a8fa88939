// engine/README.md: every array that it shows is what the engine computes.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "engine/explain/display.hpp"
#include "kernels/layers.hpp"
#include "support/compare.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// The numbers of the page's blocks, by the name before "=", channel by channel; "|" parts channels, and lines
/// that begin with a space go on with the array above.
class Page {
 public:
  Page() {
    std::ifstream file(BACKLIGHT_SOURCE_DIR "/engine/README.md");
    bool inside = false;
    std::string name;
    std::vector<std::vector<float>> channels;
    for (std::string line; std::getline(file, line);) {
      const bool fence = line == "```";
      if (fence) inside = !inside;
      const std::size_t equals = line.find('=');
      if ((fence || (inside && equals != std::string::npos)) && !name.empty()) {
        std::vector<float> values;
        for (const auto& channel : channels) values.insert(values.end(), channel.begin(), channel.end());
        REQUIRE(arrays_.emplace(name, std::move(values)).second);
        name.clear();
        channels.clear();
      }
      if (fence || !inside) continue;
      if (equals != std::string::npos) name = line.substr(0, line.find_last_not_of(" =", equals) + 1);
      std::istringstream row(equals == std::string::npos ? line : line.substr(equals + 1));
      channels.resize(std::max<std::size_t>(channels.size(), 1));
      std::size_t channel = 0;
      for (std::string word; row >> word;) {
        if (word != "|")
          channels[channel].push_back(std::stof(word));
        else if (++channel == channels.size())
          channels.emplace_back();
      }
    }
  }

  /// Each array once. Throws std::out_of_range for what the page does not show.
  Tensor take(const std::string& name, const Shape& shape) {
    CAPTURE(name);
    Tensor tensor = Tensor::from(shape, arrays_.at(name));
    arrays_.erase(name);
    return tensor;
  }
  void check(const std::string& name, const Tensor& computed) {
    CAPTURE(name);
    CHECK(relative_error(computed, take(name, computed.shape())) <= 1e-7);
  }
  bool all_taken() const { return arrays_.empty(); }

 private:
  std::map<std::string, std::vector<float>> arrays_;
};

}  // namespace

TEST_CASE("the reading order: its example is what the engine computes") {
  Page page;
  Network network(1);
  const NodeId conv = network.add("conv", conv2d(1, 2, {.kernel = 2}));
  const NodeId maps = network.add("relu", relu());
  const NodeId pool = network.add("pool", adaptive_avg_pool2d(1));
  const NodeId flat = network.add("flatten", flatten());
  network.add("fc", linear(2, 2));
  const char* names[] = {"w", "b", "W", "c"};
  for (int i = 0; NamedParameter & p : network.parameters())
    *p.tensor = page.take(names[i++], p.tensor->shape());
  const Tensor x = page.take("x", {1, 1, 3, 3});

  Context context({}, 1);
  const NodeId all[] = {0, conv, maps, pool, flat, network.output()};
  Run pass(network, context, x.clone(),
            {.keep = {std::begin(all), std::end(all)},
             .gradients_at = {0, conv, maps, flat},
             .parameter_gradients = true});
  page.check("z", pass.value(conv));
  page.check("A", pass.value(maps));
  page.check("p", pass.value(flat));
  page.check("s", pass.output());

  const auto backward = [&](BackwardRule rule) {
    return pass.backward(one_hot(network.output(), {1, 2}, std::vector<std::int64_t>{0}),
                         {.rule = rule, .wrt = {0, conv, maps, flat}, .parameter_gradients = true});
  };
  const Gradients standard = backward(BackwardRule::standard), guided = backward(BackwardRule::guided);
  page.check("ds", one_hot(network.output(), {1, 2}, std::vector<std::int64_t>{0}).dy);
  page.check("dp", standard.nodes.at(flat));
  page.check("dA", standard.nodes.at(maps));
  page.check("dz", standard.nodes.at(conv));
  page.check("dz guided", guided.nodes.at(conv));
  page.check("dz deconvnet", backward(BackwardRule::deconvnet).nodes.at(conv));
  page.check("dx", standard.nodes.at(0));
  page.check("dx guided", guided.nodes.at(0));
  const char* gradients[] = {"dw", "db", "dW", "dc"};
  for (std::size_t i = 0; i < std::size(gradients); ++i) page.check(gradients[i], standard.parameters.at(i));

  Explanation explanation(network, context, x.clone(), {maps}, true);
  const auto target = [&](std::int64_t c) { return explanation.target(std::vector<std::int64_t>{c}); };
  CHECK(explanation.top_classes() == std::vector<std::int64_t>{0});
  const ClassMap first = explanation.grad_cam(maps, target(0)),
                 second = explanation.grad_cam(maps, target(1));
  page.check("alpha", first.alpha);
  page.check("L", first.map);
  page.check("alpha, class 1", second.alpha);
  page.check("L, class 1", second.map);
  page.check("shown", display_map(first.map.clone().reshaped({2, 2}), Preset::paper, 3, 3));
  page.check("guided grad-cam",
             guided_product(explanation.gradient(target(0), BackwardRule::guided).reshaped({1, 3, 3}),
                            first.map.clone().reshaped({2, 2}), Preset::paper));
  CHECK(page.all_taken());
}
