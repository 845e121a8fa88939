// Maps that need a rule or every bias of a network, against their authors' code, pytorch-grad-cam, captum and zennit
// (tests/golden/make_rules.py).
#include <doctest/doctest.h>

#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "attribution/small_network.hpp"
#include "engine/explain/methods.hpp"
#include "support/compare.hpp"
#include "support/device.hpp"
#include "support/fill_network.hpp"
#include "support/golden.hpp"
#include "support/squeeze_excitation.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

constexpr double kRuleTolerance = 2e-5;
constexpr double kShareTolerance = 1e-4;  // shares are divided by sums that may nearly cancel
constexpr const char* kLrpMethods[] = {"lrp-epsilon", "lrp-gamma-box", "lrp-plus-flat",
                                       "lrp-alpha-beta-flat"};

/// Batch norm behind convolutions with a bias and without, and an activation that ends.
Network small_normed_network() {
  Network network(3);
  network.add("conv1", conv2d(3, 6, {.kernel = 3, .padding = 1, .bias = false}));
  network.add("bn1", batch_norm2d(6));
  network.add("relu1", relu6());
  network.add("conv2", conv2d(6, 8, {.kernel = 3, .stride = 2, .padding = 1}));
  network.add("bn2", batch_norm2d(8));
  network.add("relu2", relu());
  network.add("avgpool", adaptive_avg_pool2d(1));
  network.add("flatten", flatten());
  network.add("fc", linear(8, 5));
  Context context({}, 1);
  fill_network(network, context);
  return network;
}

/// Nothing adds a constant; values are shared by two layers, joined, and of both signs where they are added.
Network unbiased_network(std::unique_ptr<Layer> (*activation)()) {
  Network network(3);
  network.add("conv1", conv2d(3, 6, {.kernel = 3, .padding = 1, .bias = false}));
  network.add("bend", activation());
  const NodeId stem = network.add("pool1", max_pool2d({.kernel = 3, .stride = 2, .padding = 1}));
  const NodeId branch =
      network.add("conv2", conv2d(6, 6, {.kernel = 3, .padding = 1, .groups = 2, .bias = false}));
  const NodeId sum = network.add("add", add(), {branch, stem});
  network.add("concat", concat(), {sum, stem});
  network.add("leaky", leaky_relu(0.1));
  network.add("pool2", avg_pool2d({.kernel = 2}));
  network.add("conv3", conv2d(12, 4, {.bias = false}));
  network.add("flatten", flatten());
  network.add("fc", linear(48, 5, /*bias=*/false));
  fill_parameters(network, 0.4);
  return network;
}

std::shared_ptr<const InputRange> rule_range() {
  constexpr float kLeast[] = {-1.5F, -1.25F, -1}, kGreatest[] = {1, 1.25F, 1.5F};
  InputRange range{Tensor({1, 3, 13, 18}), Tensor({1, 3, 13, 18})};
  for (std::size_t i = 0; i < 3 * 234; ++i) {
    range.least.values()[i] = kLeast[i / 234];
    range.greatest.values()[i] = kGreatest[i / 234];
  }
  return std::make_shared<const InputRange>(std::move(range));
}

Tensor rule_pictures(double scale = 1) {
  Tensor x = random_tensor({2, 3, 13, 18}, "layer_maps.x");
  for (float& v : x.values()) v *= static_cast<float>(scale);
  return x;
}

std::shared_ptr<const Tensor> rule_baselines(std::int64_t count) {
  const Tensor all = random_tensor({3, 3, 13, 18}, "rules.baselines");
  return std::make_shared<const Tensor>(
      Tensor::from({count, 3, 13, 18}, all.values().first(static_cast<std::size_t>(count * 3 * 13 * 18))));
}

/// A network and a batch of two.
struct Ruled {
  explicit Ruled(Network built, Tensor x = rule_pictures())
      : context(test_context(2)),
        network(placed(std::move(built), context)),
        probe(network, context, std::move(x), {}, /*input_gradient=*/true) {}

  Question question() const {
    Question question{.target = {{1, 4}}, .preset = Preset::paper};
    question.path.steps = 7;
    question.seed = 3;
    return question;
  }
  std::vector<Result> results(const char* method, const Question& of) {
    return find_method(method).explain(probe, of);
  }

  Context context;
  Network network;
  Probe probe;
};

/// Both images' results, one behind the other.
Tensor together(const std::vector<Result>& results) {
  std::vector<std::int64_t> extents{2};
  std::ranges::copy(results[0].raw().shape().extents(), std::back_inserter(extents));
  Tensor all{Shape(extents)};
  float* to = all.data<float>();
  for (const Result& result : results) to = std::ranges::copy(result.raw().values(), to).out;
  return all;
}

void check_complete(const std::vector<Result>& results, double tolerance) {
  for (const Result& result : results) {
    CHECK(std::abs(result.completeness.value().expected) > 1e-3);
    CHECK(std::abs(result.completeness->sum - result.completeness->expected) <=
          tolerance * std::max(1.0, std::abs(result.completeness->expected)));
  }
}

struct NamedNetwork {
  const char* name;
  Network (*make)();
};
constexpr NamedNetwork kRuledNetworks[] = {
    {"pooled", small_residual_network}, {"dense", small_dense_network}, {"normed", small_normed_network}};

/// The same bits from a batch as from its images, and whatever goes together.
void check_batch(const char* method, const Question& asked) {
  CAPTURE(method);
  for (const NamedNetwork& of : kRuledNetworks) {
    Ruled at(of.make());
    Question question = asked;
    const Tensor both = together(at.results(method, question));
    question.batch_bytes = 1;
    CHECK(same_bits(together(at.results(method, question)), both));
    const Tensor x = rule_pictures();
    const std::size_t size = x.values().size() / 2, values = both.values().size() / 2;
    for (std::size_t n = 0; n < 2; ++n) {
      question.target.classes = {asked.target.classes[n]};
      Probe one(at.network, at.context, Tensor::from({1, 3, 13, 18}, x.values().subspan(n * size, size)), {},
                true);
      const Tensor alone = find_method(method).explain(one, question).front().raw().clone();
      CHECK(same_bits(alone, Tensor::from(alone.shape(), both.values().subspan(n * values, values))));
    }
  }
}

}  // namespace

TEST_CASE("rules: fullgrad equals its authors' and pytorch-grad-cam's and adds up" *
          doctest::test_suite("device")) {
  for (const NamedNetwork& of : kRuledNetworks) {
    CAPTURE(of.name);
    Ruled at(of.make());
    const double tolerance = tolerance_on(at.context.device(), kRuleTolerance);
    for (const Preset preset : find_method("fullgrad").presets) {
      CAPTURE(name_of(preset));
      Question question = at.question();
      question.preset = preset;
      const std::vector<Result> results = at.results("fullgrad", question);
      CHECK(relative_error(together(results),
                           golden("rules", text(of.name, ".fullgrad.", name_of(preset)))) <= tolerance);
      check_complete(results, tolerance);
    }
  }
}

TEST_CASE("rules: fullgrad counts what ReLU6 holds back" * doctest::test_suite("device")) {
  Ruled at(small_normed_network(), rule_pictures(30));
  Run run(at.network, at.context, rule_pictures(30), {.keep = {at.network.find("relu1")}});
  const Tensor a = at.context.to_host(run.value(at.network.find("relu1")));
  CHECK(std::ranges::count(a.values(), 6.0f) > 100);
  check_complete(at.results("fullgrad", at.question()), tolerance_on(at.context.device(), 1e-4));
  // What does not add up to a target that is no sum of scores promises nothing.
  Question question = at.question();
  question.target.aim = Aim::probability;
  CHECK_FALSE(at.results("fullgrad", question).front().completeness);
}

TEST_CASE("rules: gradient-shap equals captum's of the same draws and nearly adds up" *
          doctest::test_suite("device")) {
  for (const NamedNetwork& of : kRuledNetworks) {
    CAPTURE(of.name);
    Ruled at(of.make());
    Question question = at.question();
    question.path.baseline = rule_baselines(3);
    CHECK(relative_error(together(at.results("gradient-shap", question)),
                         golden("rules", text(of.name, ".gradient-shap"))) <=
          tolerance_on(at.context.device(), kRuleTolerance));
    // Of many draws the integral is left.
    question.path.baseline = rule_baselines(1);
    question.path.steps = 600;
    for (const Result& result : at.results("gradient-shap", question))
      CHECK(std::abs(result.completeness->sum - result.completeness->expected) <= 0.1);
  }
}

TEST_CASE("rules: deep-lift equals captum's but for its maximum pooling and adds up" *
          doctest::test_suite("device")) {
  for (const NamedNetwork& of : kRuledNetworks) {
    CAPTURE(of.name);
    Ruled at(of.make());
    const double tolerance = tolerance_on(at.context.device(), kRuleTolerance);
    Question question = at.question();
    question.path.baseline = rule_baselines(1);
    const std::vector<Result> results = at.results("deep-lift", question);
    CHECK(relative_error(together(results), golden("rules", text(of.name, ".deep-lift"))) <= tolerance);
    check_complete(results, tolerance);
  }
}

TEST_CASE("rules: LRP equals zennit's composites" * doctest::test_suite("device")) {
  for (const NamedNetwork& of : kRuledNetworks)
    for (const char* method : kLrpMethods) {
      CAPTURE(of.name);
      CAPTURE(method);
      Ruled at(of.make());
      Question question = at.question();
      question.range = rule_range();
      CHECK(relative_error(together(at.results(method, question)),
                           golden("rules", text(of.name, ".", method))) <=
            tolerance_on(at.context.device(), kShareTolerance));
    }
}

TEST_CASE("rules: lrp-epsilon equals captum's LRP but for the size of its ε" *
          doctest::test_suite("device")) {
  Ruled at(kRuledNetworks[1].make());
  CHECK(relative_error(together(at.results("lrp-epsilon", at.question())),
                       golden("rules", "dense.lrp-epsilon.captum")) <= 5e-4);
}

TEST_CASE("rules: without biases LRP shares out the score and from nothing deep-lift is the same" *
          doctest::test_suite("device")) {
  Ruled at(unbiased_network(silu));
  const double tolerance = tolerance_on(at.context.device(), 1e-4);
  Question question = at.question();
  question.range = rule_range();
  for (const char* method : kLrpMethods) {
    CAPTURE(method);
    check_complete(at.results(method, question), tolerance);
  }
  check_complete(at.results("deep-lift", question), tolerance);
  // But for what maximum pooling does with maxima below 0.
  Ruled clipped(unbiased_network(relu6), rule_pictures(10));
  CHECK(relative_error(together(clipped.results("lrp-epsilon", question)),
                       together(clipped.results("deep-lift", question))) <= 1e-3);
  // Where nothing bends but ReLUs and maxima, both are the gradient times the picture.
  Ruled rectified(unbiased_network(relu));
  const Tensor product = together(rectified.results("input-x-gradient", question));
  for (const char* method : {"lrp-epsilon", "deep-lift"})
    CHECK(relative_error(together(rectified.results(method, question)), product) <= 1e-3);
}

TEST_CASE("rules: deep-lift adds up through every activation and overlapping maxima" *
          doctest::test_suite("device")) {
  for (const auto make : {sigmoid, tanh, silu, hard_sigmoid, hard_swish, relu, relu6}) {
    Ruled at(unbiased_network(make), rule_pictures(4));
    CAPTURE(at.network.node(at.network.find("bend")).kind());
    Question question = at.question();
    question.path.baseline = rule_baselines(1);
    check_complete(at.results("deep-lift", question), tolerance_on(at.context.device(), 1e-4));
    // And of a picture that is its baseline there is nothing to share, and nothing that is no number.
    Ruled same(unbiased_network(make), Tensor::from({1, 3, 13, 18}, rule_baselines(1)->values()));
    question.target.classes = {1};
    for (const float v : same.results("deep-lift", question).front().gradient.values()) CHECK(v == 0);
  }
}

TEST_CASE("rules: a z-box without bounds has the picture's own") {
  Ruled at(small_dense_network());
  const Tensor x = rule_pictures();
  Question question = at.question();
  const std::vector<Result> own = at.results("lrp-gamma-box", question);
  for (std::size_t n = 0; n < 2; ++n) {
    InputRange range{Tensor({1, 3, 13, 18}), Tensor({1, 3, 13, 18})};
    for (std::size_t c = 0; c < 3; ++c) {
      const auto channel = x.values().subspan((n * 3 + c) * 234, 234);
      const auto [least, greatest] = std::ranges::minmax(channel);
      std::ranges::fill(range.least.values().subspan(c * 234, 234), least);
      std::ranges::fill(range.greatest.values().subspan(c * 234, 234), greatest);
    }
    question.range = std::make_shared<const InputRange>(std::move(range));
    CHECK(same_bits(at.results("lrp-gamma-box", question)[n].gradient, own[n].gradient));
  }
}

TEST_CASE("rules: neither the batch nor what goes together changes a bit") {
  Question question{.target = {{1, 4}}, .preset = Preset::paper};
  question.path.baseline = rule_baselines(3);
  question.path.steps = 3;
  check_batch("fullgrad", question);
  check_batch("gradient-shap", question);
  question.path.baseline = rule_baselines(1);
  check_batch("deep-lift", question);
  for (const char* method : kLrpMethods) check_batch(method, question);
}

TEST_CASE("rules: what is not defined for a network or fit to be asked is refused with the reason") {
  Context context = test_context(1);
  const Network gated = placed(squeeze_excitation_network(), context);
  Probe probe(gated, context, random_tensor({1, 3, 32, 32}, "rules.x"), {}, true);
  const Question question{.target = {{1}}, .preset = Preset::paper};
  CHECK_THROWS_WITH_AS(
      find_method("fullgrad").explain(probe, question),
      "fullgrad is not defined for sigmoid (1 layer), silu (4 layers) and multiply (1 layer), which "
      "this network has; use integrated-gradients, which asks nothing of a network",
      Error);
  CHECK_THROWS_WITH_AS(find_method("fullgrad").layer_in(gated, 0), doctest::Contains("is not defined for"),
                       Error);

  CHECK_THROWS_WITH_AS(find_method("deep-lift").explain(probe, question),
                       doctest::Contains("deep-lift is not defined for multiply (1 layer), which"), Error);
  CHECK_THROWS_WITH_AS(
      find_method("lrp-epsilon").explain(probe, question),
      doctest::Contains("lrp-epsilon is not defined for sigmoid (1 layer) and multiply (1 layer)"), Error);

  Network pooled(3);
  pooled.add("shrink", avg_pool2d({.kernel = 2}));
  pooled.add("conv", conv2d(3, 4, {.kernel = 3}));
  pooled.add("pool", adaptive_avg_pool2d(1));
  pooled.add("flatten", flatten());
  pooled.add("fc", linear(4, 5));
  fill_parameters(pooled, 0.4);
  Ruled behind(std::move(pooled));
  CHECK(behind.results("lrp-epsilon", behind.question()).size() == 2);
  CHECK_THROWS_WITH_AS(
      behind.results("lrp-gamma-box", behind.question()),
      "the input has a rule of its own at convolutions and fully connected layers alone, but "
      "'shrink' (avg_pool2d) reads it; use lrp-epsilon",
      Error);

  Ruled at(small_dense_network());
  Question unfit = at.question();
  unfit.target.aim = Aim::probability;
  for (const char* method : {"deep-lift", "lrp-epsilon"})
    CHECK_THROWS_WITH_AS(at.results(method, unfit),
                         doctest::Contains("shares out a sum of scores, which the target probability is not"),
                         Error);
  unfit = at.question();
  unfit.range = std::make_shared<const InputRange>(
      InputRange{Tensor::zeros({1, 3, 13, 17}), Tensor::zeros({1, 3, 13, 18})});
  CHECK_THROWS_WITH_AS(at.results("lrp-gamma-box", unfit),
                       "the input's range is 1×3×13×17 and 1×3×13×18, the input 1×3×13×18", Error);

  Question several = at.question();
  several.path.baseline = rule_baselines(3);
  CHECK_THROWS_WITH_AS(at.results("integrated-gradients", several),
                       "3 baselines were given, expected one; gradient-shap takes several", Error);
  several.path.steps = 0;
  CHECK_THROWS_WITH_AS(at.results("gradient-shap", several), "0 draws were asked for, expected 1 at least",
                       Error);
  several.path = {.baseline = std::make_shared<const Tensor>(Tensor::zeros({2, 3, 13, 17}))};
  CHECK_THROWS_WITH_AS(at.results("gradient-shap", several), "the baseline is 2×3×13×17, the input 1×3×13×18",
                       Error);
}

TEST_CASE("rules: a run under a rule that reads values was prepared for it and has the box") {
  Context context({}, 1);
  const Network network = small_dense_network();
  const NodeId input = network.input();
  const auto backward = [&](BackwardRule prepared, const BackwardOptions& options, bool parameters = false) {
    Run run(network, context, rule_pictures(),
            {.gradients_at = {input}, .parameter_gradients = parameters, .rule = prepared});
    run.backward(one_hot(network.output(), {2, 5}, std::vector<std::int64_t>{1, 4}), options);
  };
  backward(BackwardRule::lrp_epsilon, {.rule = BackwardRule::lrp_epsilon, .wrt = {input}});
  backward(BackwardRule::lrp_epsilon, {.wrt = {input}});
  CHECK_THROWS_WITH_AS(backward(BackwardRule::standard, {.rule = BackwardRule::rescale, .wrt = {input}}),
                       doctest::Contains("name the rule in ProgramOptions::rule"), Error);
  CHECK_THROWS_WITH_AS(
      backward(BackwardRule::rescale, {.rule = BackwardRule::rescale, .parameter_gradients = true},
               /*parameters=*/true),
      "parameters have gradients under the standard rule alone", Error);
  constexpr BackwardRule kBoxed = BackwardRule::lrp_gamma_box;
  const auto boxed = [](const Shape& shape) {
    return BackwardOptions{.rule = kBoxed, .box = {Tensor::zeros(shape), Tensor::zeros(shape)}, .wrt = {0}};
  };
  backward(kBoxed, boxed({2, 3, 13, 18}));
  CHECK_THROWS_WITH_AS(backward(kBoxed, boxed({2, 3, 13, 17})), doctest::Contains("both 2×3×13×18"), Error);
  CHECK_THROWS_WITH_AS(backward(kBoxed, {.rule = kBoxed, .wrt = {input}}),
                       doctest::Contains("give BackwardOptions::box"), Error);
  Run odd(network, context, Tensor::zeros({1, 3, 13, 18}),
          {.gradients_at = {input}, .rule = BackwardRule::rescale});
  CHECK_THROWS_WITH_AS(odd.backward(one_hot(network.output(), {1, 5}, std::vector<std::int64_t>{1}),
                                    {.rule = BackwardRule::rescale, .wrt = {input}}),
                       doctest::Contains("a batch of 1 was given, expected as many references as pictures"),
                       Error);
}

TEST_CASE("rules: a program for LRP folds batch norm always and arranges no weights for gradients") {
  Context context({}, 1);
  const Network network = small_normed_network();
  Network plain(16);
  const NodeId tiled = plain.add("conv", conv2d(16, 16, {.kernel = 3, .padding = 1}));
  const std::vector<TensorType> x{{DType::f32, {2, 3, 13, 18}}}, planes{{DType::f32, {2, 16, 8, 8}}};
  for (const BackwardRule rule : {BackwardRule::standard, BackwardRule::rescale, BackwardRule::lrp_epsilon}) {
    const bool lrp = is_lrp(rule);
    const Program program(network, context, x,
                          {.gradients_at = {0}, .rule = rule, .optimise = Optimisations::exact()});
    CHECK((program.node(network.find("conv1")).layer == nullptr) == lrp);
    CHECK(program.node(network.find("bn1")).kind() == (lrp ? OpKind::conv2d : OpKind::batch_norm2d));
    const Program arranged(plain, context, planes,
                           {.gradients_at = {0}, .rule = rule, .optimise = Optimisations::all()});
    CHECK(arranged.packed(tiled) != nullptr);
    CHECK((arranged.packed_backward(tiled) == nullptr) == lrp);
  }
}
