// The list of methods and the probe that they ask, against the Explanation's own answers.
#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "attribution/small_network.hpp"
#include "engine/explain/methods.hpp"
#include "support/compare.hpp"
#include "support/device.hpp"
#include "support/squeeze_excitation.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

Tensor two_pictures() { return random_tensor({2, 3, 13, 18}, "methods.x"); }

/// Image n of a batch without the batch's extent.
Tensor picture_of(const Tensor& batch, std::size_t n) {
  const Shape shape(batch.shape().extents().subspan(1));
  const auto size = static_cast<std::size_t>(shape.numel());
  return Tensor::from(shape, batch.values().subspan(n * size, size));
}

/// What each method is to give, by the Explanation alone.
struct Direct {
  Direct(const Network& net, Context& on, const Target& of, const std::string& layer_name)
      : network(net),
        context(on),
        layer(net.find(layer_name)),
        explanation(net, on, two_pictures(), {layer, find_cam_head(net)->features}, true),
        target(of),
        seed(explanation.target(of.classes, of.direction)) {}

  Tensor map(Preset preset) {
    return context.to_host(explanation.grad_cam(layer, seed, alpha_reduction(preset)).map);
  }
  Tensor gradient(BackwardRule rule) { return context.to_host(explanation.gradient(seed, rule)); }
  Tensor product(BackwardRule rule, Preset preset, std::size_t n) {
    return guided_product(picture_of(gradient(rule), n), picture_of(map(preset), n), preset);
  }
  /// The others are held to their programs by test_layer_maps.cpp and test_input_maps.cpp.
  static bool knows(const Method& method) {
    static const std::set<std::string_view> known{
        "grad-cam", "cam", "guided-grad-cam", "deconv-grad-cam", "guided-backprop", "deconvnet", "gradient"};
    return known.contains(method.name);
  }
  Tensor raw(const std::string& method, Preset preset, std::size_t n) {
    if (method == "grad-cam") return picture_of(map(preset), n);
    if (method == "cam")
      return picture_of(context.to_host(explanation.cam(target.classes, target.direction).map), n);
    if (method == "guided-grad-cam") return product(BackwardRule::guided, preset, n);
    if (method == "deconv-grad-cam") return product(BackwardRule::deconvnet, preset, n);
    const std::map<std::string, BackwardRule> rules{{"gradient", BackwardRule::standard},
                                                    {"guided-backprop", BackwardRule::guided},
                                                    {"deconvnet", BackwardRule::deconvnet}};
    return picture_of(gradient(rules.at(method)), n);
  }

  const Network& network;
  Context& context;
  NodeId layer;
  Explanation explanation;
  Target target;
  Seed seed;
};

ErrorKind kind_thrown(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.kind();
  }
  FAIL("nothing was thrown");
  return ErrorKind::internal;
}

}  // namespace

TEST_CASE("methods: each gives what the explanation gives for every preset and direction" *
          doctest::test_suite("device")) {
  Context context = test_context(2);
  const Network network = placed(small_residual_network(), context);
  const NodeId layer = network.find("block.relu");
  for (const Direction direction : {Direction::evidence, Direction::counterfactual}) {
    const Target target{{1, 4}, direction};
    Direct direct(network, context, target, "block.relu");
    Probe probe(network, context, two_pictures(), {layer, find_cam_head(network)->features}, true,
                /*tails=*/true);
    for (const Method& method : methods())
      for (const Preset preset : method.presets) {
        // Not defined for every target; test_tails.cpp has it.
        if (method.name == "ablation-cam" && preset == Preset::pytorch_grad_cam) continue;
        CAPTURE(method.name);
        CAPTURE(name_of(preset));
        if (direction == Direction::counterfactual && !method.counterfactual) continue;
        const std::vector<Result> results = method.explain(
            probe, {.target = target, .layer = layer, .preset = preset, .masks = {.count = 5}});
        REQUIRE(results.size() == 2);
        for (std::size_t n = 0; n < 2; ++n) {
          if (Direct::knows(method))
            CHECK(same_result(results[n].raw(), direct.raw(std::string(method.name), preset, n)));
          CHECK(results[n].gradient.defined() == method.gives_gradient({}));
          REQUIRE(results[n].map.has_value() ==
                  (method.needs.layer || method.needs.cam_head || !method.gives_gradient({})));
          if (results[n].map && results[n].map->alpha.defined())
            CHECK(results[n].map->alpha.shape() == Shape{8});
        }
      }
  }
}

TEST_CASE("methods: each needs no more than it says" * doctest::test_suite("device")) {
  Context context = test_context(1);
  const Network network = placed(small_residual_network(), context);
  const NodeId layer = network.find("block.relu");
  for (const Method& method : methods()) {
    CAPTURE(method.name);
    std::vector<NodeId> layers;
    if (method.needs.layer) layers.push_back(layer);
    if (method.needs.cam_head) layers.push_back(find_cam_head(network)->features);
    Probe probe(network, context, two_pictures(), layers, method.needs.input_gradient,
                method.needs_tails({}));
    std::int64_t passes = 1;
    const Question asked{.target = {{0, 3}},
                         .layer = layer,
                         .preset = method.presets.front(),
                         .masks = {.count = 5},
                         .progress = [&](std::int64_t, std::int64_t all) { passes = 1 + all; }};
    CHECK(method.explain(probe, asked).size() == 2);
    CHECK((passes == 1) == (method.passes.empty() && method.name != "rise"));
    if (method.name == "rise") CHECK(passes - 5 == method.forwards - RandomMasks().count);
    const bool weighs_gradient =
        method.needs.layer && method.class_dependent && method.tails.empty() && method.passes.empty();
    const int backwards = weighs_gradient + (method.needs.input_gradient || method.name == "fullgrad");
    const bool along_path = method.name == "integrated-gradients" || method.name == "gradient-shap";
    CHECK(method.backwards == (along_path ? method.forwards - 2 : backwards));
  }
}

TEST_CASE("methods: those under a rule say at which activations of a network it is not defined") {
  const Network gated = squeeze_excitation_network(), rectified = small_residual_network();
  for (const Method& method : methods()) {
    CAPTURE(method.name);
    const bool ruled = method.name.starts_with("guided") || method.name.starts_with("deconv");
    CHECK(ruled == (method.rule != BackwardRule::standard && !reads_values(method.rule)));
    const std::map<OpKind, int> expected{{OpKind::sigmoid, 1}, {OpKind::silu, 4}};
    CHECK(method.plain_gradient_at(gated) == (ruled ? expected : std::map<OpKind, int>{}));
    CHECK(method.plain_gradient_at(rectified).empty());
    CHECK(method.plain_gradient_note(rectified).empty());
    CHECK(method.plain_gradient_note(gated).empty() == !ruled);
  }
  CHECK(find_method("guided-backprop").plain_gradient_note(gated) ==
        "guided-backprop's rule is not defined at sigmoid (1 layer) and silu (4 layers): the plain gradient "
        "is taken "
        "there, as captum and pytorch-grad-cam do");
}

TEST_CASE("methods: what one cannot answer is refused with the reason" * doctest::test_suite("device")) {
  Context context = test_context(1);
  const Network network = placed(small_residual_network(), context);
  const NodeId layer = network.find("block.relu");
  Probe probe(network, context, two_pictures(), {layer}, true);
  const auto ask = [&](const char* method, const Question& question) {
    find_method(method).explain(probe, question);
  };
  const Target target{{1, 4}}, against{{1, 4}, Direction::counterfactual};
  for (const char* method : {"guided-backprop", "deconvnet", "gradient"}) {
    CHECK_THROWS_WITH_AS(ask(method, {against}),
                         doctest::Contains("; it has for grad-cam, cam, grad-cam++, xgrad-cam, hirescam, "),
                         Error);
    CHECK(kind_thrown([&] { ask(method, {against}); }) == ErrorKind::usage);
  }
  CHECK_THROWS_WITH_AS(ask("guided-grad-cam", {target, layer, Preset::torch_cam}),
                       "preset torch-cam defines no guided-grad-cam; use paper, pytorch-grad-cam or captum",
                       Error);
  CHECK(kind_thrown([&] {
          ask("deconv-grad-cam", {target, layer, Preset::torch_cam});
        }) == ErrorKind::unsupported);
  CHECK_THROWS_WITH_AS(ask("grad-cam", {target}), doctest::Contains("looks at a layer"), Error);
  CHECK_THROWS_WITH_AS(ask("grad-cam", {{{1}}, layer}), doctest::Contains("one per row"), Error);
  CHECK_THROWS_WITH_AS(ask("gradient", {{{1, 5}}}), doctest::Contains("classes 0 to 4"), Error);
  CHECK_THROWS_WITH_AS(find_method("grad-can"), doctest::Contains("did you mean \"grad-cam\""), Error);

  Network two_linear = small_residual_network();
  two_linear.add("fc2", linear(5, 5));
  two_linear.to(context);
  Probe headless(two_linear, context, two_pictures(), {}, false);
  CHECK(kind_thrown([&] { find_method("cam").explain(headless, {target}); }) == ErrorKind::unsupported);
}

TEST_CASE("methods: the names are each one's own and the papers are named") {
  std::set<std::string_view> names;
  for (const Method& method : methods()) {
    CAPTURE(method.name);
    CHECK(names.insert(method.name).second);
    CHECK(&find_method(method.name) == &method);
    CHECK((method.paper.starts_with("arXiv:") || method.paper.starts_with("doi:") ||
           method.paper == "pytorch-grad-cam"));
    CHECK_FALSE(method.summary.empty());
    CHECK_FALSE(method.presets.empty());
  }
}

TEST_CASE("probe: gives the pass's own scores and values and gradients" * doctest::test_suite("device")) {
  Context context = test_context(1);
  const Network network = placed(small_residual_network(), context);
  const NodeId layer = network.find("block.relu");
  Probe probe(network, context, two_pictures(), {layer}, true);
  Run pass(network, context, two_pictures(), {.keep = {layer}, .gradients_at = {layer, network.input()}});
  const Gradients gradients =
      test::to_host(context, pass.backward(one_hot(network.output(), {2, 5}, std::vector<std::int64_t>{2, 0}),
                                           {.rule = BackwardRule::guided, .wrt = {layer, network.input()}}));
  const Target target{{2, 0}};
  CHECK(same_result(probe.scores(), context.to_host(pass.output())));
  CHECK(same_result(probe.activation(layer), context.to_host(pass.value(layer))));
  for (const NodeId node : {layer, network.input()})
    CHECK(same_result(probe.gradient(node, target, BackwardRule::guided), gradients.nodes.at(node)));
}

TEST_CASE("probe: answers stay while one target is asked about and come back the same" *
          doctest::test_suite("device")) {
  Context context = test_context(1);
  const Network network = placed(small_residual_network(), context);
  const NodeId layer = network.find("block.relu");
  Probe probe(network, context, two_pictures(), {layer, find_cam_head(network)->features}, true);
  const Target target{{2, 0}}, other{{2, 1}};
  const Tensor& gradient = probe.gradient(network.input(), target, BackwardRule::guided);
  const ClassMap& map = probe.grad_cam(layer, target);
  const ClassMap& cam = probe.cam(target);
  const Tensor first = gradient.clone(), first_map = map.map.clone(), first_cam = cam.map.clone();
  CHECK_FALSE(same_bits(probe.gradient(network.input(), target), first));
  CHECK_FALSE(same_bits(probe.grad_cam(layer, target, AlphaReduction::sum).map, first_map));
  CHECK(&probe.gradient(network.input(), target, BackwardRule::guided) == &gradient);
  CHECK(&probe.grad_cam(layer, target) == &map);
  CHECK(&probe.cam(target) == &cam);

  CHECK_FALSE(same_bits(probe.grad_cam(layer, other).map, first_map));
  CHECK_FALSE(same_bits(probe.cam(other).map, first_cam));
  CHECK(same_bits(probe.grad_cam(layer, target).map, first_map));
  CHECK(same_bits(probe.cam(target).map, first_cam));
  CHECK(same_bits(probe.gradient(network.input(), target, BackwardRule::guided), first));
}

TEST_CASE("probe: class 0 of a network of one output is what lowers it image by image" *
          doctest::test_suite("device")) {
  Context context = test_context(1);
  Network one = small_residual_network();
  one.add("score", linear(5, 1));
  fill_parameters(one, 0.4);
  one.to(context);
  const NodeId layer = one.find("block.relu");
  Probe probe(one, context, two_pictures(), {layer}, true);
  const Tensor there = probe.grad_cam(layer, {{1, 1}}).map.clone();
  const Tensor mixed = probe.grad_cam(layer, {{0, 1}}).map.clone();
  Tensor negated = picture_of(there, 0);
  for (float& v : negated.values()) v = -v;
  CHECK(same_bits(picture_of(mixed, 0), negated));
  CHECK(same_bits(picture_of(mixed, 1), picture_of(there, 1)));
  CHECK(same_bits(probe.grad_cam(layer, {{1, 0}, Direction::counterfactual}).map, mixed));
  CHECK(find_method("gradient").explain(probe, {{{0, 0}}}).size() == 2);
  CHECK_THROWS_WITH_AS(probe.cam({{0, 2}}), doctest::Contains("classes 0 to 1"), Error);
}
