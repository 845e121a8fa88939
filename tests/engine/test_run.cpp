#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "engine/run/run.hpp"
#include "support/compare.hpp"
#include "support/device.hpp"
#include "support/gradcheck.hpp"
#include "support/random.hpp"
#include "support/residual_network.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

constexpr BackwardRule kRules[] = {BackwardRule::standard, BackwardRule::deconvnet, BackwardRule::guided};

Tensor image(const Tensor& batch, std::int64_t n) {
  Tensor one(batch.shape().with(0, 1));
  std::copy_n(batch.data<float>() + n * one.numel(), one.numel(), one.data<float>());
  return one;
}

Seed target(const Network& network, std::vector<std::int64_t> classes) {
  return one_hot(network.output(), {static_cast<std::int64_t>(classes.size()), 5}, classes);
}

std::vector<NodeId> all_nodes(const Network& network) {
  std::vector<NodeId> nodes;
  for (NodeId id = 0; id < network.size(); ++id) nodes.push_back(id);
  return nodes;
}

bool same_bits(const Gradients& a, const Gradients& b) {
  const auto equal = [](const Tensor& s, const Tensor& t) {
    return s.defined() == t.defined() && (!s.defined() || test::same_bits(s, t));
  };
  return std::ranges::equal(a.parameters, b.parameters, equal) &&
         std::ranges::equal(a.nodes, b.nodes, [&](const auto& s, const auto& t) {
           return s.first == t.first && equal(s.second, t.second);
         });
}

Tensor sum(const Tensor& a, const Tensor& b) {
  Tensor c = a.clone();
  for (std::int64_t i = 0; i < c.numel(); ++i) c.data<float>()[i] += b.data<float>()[i];
  return c;
}

}  // namespace

TEST_CASE("run: the gradients of a residual network are right in inference and in training") {
  for (const bool training : {false, true}) {
    Network network = residual_network();
    const auto result =
        gradcheck(network, random_tensor({2, 3, 6, 5}, "pass.gradcheck.3"), {.training = training});
    CAPTURE(result.where);
    CHECK(result.checked == 963);
    CHECK(result.worst <= 1e-6);
  }
}

TEST_CASE("run: gradients add where an activation fans out" * doctest::test_suite("device")) {
  Network network(2);
  const NodeId shared = network.add("shared", avg_pool2d({.kernel = 2}));
  const NodeId twice = network.add("twice", add(), {shared, shared});
  network.add("thrice", add(), {twice, shared});
  Context context = test_context(1);
  Run pass(network, context, random_tensor({1, 2, 2, 2}, "pass.x"), {.gradients_at = {0, shared}});
  const Tensor dy = random_tensor({1, 2, 1, 1}, "pass.dy");
  const Gradients gradients =
      to_host(context, pass.backward({network.output(), dy.clone()}, {.wrt = {0, shared}}));
  for (int c = 0; c < 2; ++c) {
    const float dyc = dy.data<float>()[c];
    CHECK(gradients.nodes.at(shared).data<float>()[c] == dyc + dyc + dyc);
    CHECK(gradients.nodes.at(0).data<float>()[4 * c] == (dyc + dyc + dyc) / 4);
  }
}

TEST_CASE("run: one forward serves any number of targets and rules as separate passes would" *
          doctest::test_suite("device")) {
  Context context = test_context(2);
  const Network network = placed(residual_network(), context);
  const Tensor x = random_tensor({2, 3, 9, 7}, "pass.x");
  const std::vector<NodeId> wrt{0, network.find("layer1")};
  const ProgramOptions forward{.gradients_at = wrt};
  Run shared(network, context, x.clone(), forward);
  for (const std::int64_t k : {0, 3, 4, 0}) {
    for (const BackwardRule rule : kRules) {
      Run separate(network, context, x.clone(), forward);
      const Gradients a = shared.backward(target(network, {k, 4 - k}), {.rule = rule, .wrt = wrt});
      const Gradients b =
          separate.backward(target(network, {k, 4 - k}), {.rule = rule, .wrt = wrt, .last = true});
      CHECK(same_bits(to_host(context, a), to_host(context, b)));
    }
  }
}

TEST_CASE("run: repeated backward passes give the same bits and nothing adds up" *
          doctest::test_suite("device")) {
  Context context = test_context(2);
  const Network network = placed(residual_network(), context);
  Run pass(network, context, random_tensor({2, 3, 9, 7}, "pass.x"),
            {.gradients_at = {0}, .parameter_gradients = true});
  const BackwardOptions options{.wrt = {0}, .parameter_gradients = true};
  const auto gradients = [&](std::int64_t a, std::int64_t b) {
    return to_host(context, pass.backward(target(network, {a, b}), options));
  };
  const Gradients first = gradients(1, 2);
  CHECK_FALSE(same_bits(first, gradients(3, 3)));
  CHECK(same_bits(first, gradients(1, 2)));
}

TEST_CASE("run: a batch gives what its images give one by one forward and backward" *
          doctest::test_suite("device")) {
  Context context = test_context(2);
  const Network network = placed(residual_network(), context);
  const std::vector<NodeId> wrt{0, network.find("stem.relu")};
  const Tensor x = random_tensor({3, 3, 13, 8}, "pass.x");
  const std::vector<std::int64_t> classes{4, 0, 2};
  Run batch(network, context, x.clone(), {.gradients_at = wrt});
  for (const BackwardRule rule : kRules) {
    const Gradients gradients =
        to_host(context, batch.backward(target(network, classes), {.rule = rule, .wrt = wrt}));
    for (std::int64_t n = 0; n < 3; ++n) {
      Run alone(network, context, image(x, n), {.gradients_at = wrt});
      CHECK(same_result(context.to_host(alone.output()), image(context.to_host(batch.output()), n)));
      const Gradients own =
          to_host(context, alone.backward(target(network, {classes[static_cast<std::size_t>(n)]}),
                                          {.rule = rule, .wrt = wrt}));
      for (const NodeId id : wrt) CHECK(same_result(own.nodes.at(id), image(gradients.nodes.at(id), n)));
    }
  }
}

TEST_CASE("run: running in place changes no bit" * doctest::test_suite("device")) {
  Context context = test_context(2);
  const Network network = placed(residual_network(), context);
  const Tensor x = random_tensor({2, 3, 9, 7}, "pass.x");
  // A kept value is never overwritten.
  Run apart(network, context, x.clone(), {.keep = all_nodes(network), .gradients_at = {0}});
  Run in_place(network, context, x.clone(), {.gradients_at = {0}});
  CHECK(same_result(context.to_host(apart.output()), context.to_host(in_place.output())));
  for (const BackwardRule rule : kRules) {
    const auto gradients = [&](Run& pass) {
      return to_host(context, pass.backward(target(network, {1, 2}), {.rule = rule, .wrt = {0}}));
    };
    CHECK(same_result(gradients(apart).nodes.at(0), gradients(in_place).nodes.at(0)));
  }
}

TEST_CASE("run: the number of threads changes no bit") {
  const Network network = residual_network();
  const Tensor x = random_tensor({3, 3, 13, 8}, "pass.x");
  const auto explain = [&](int threads) {
    Context context({}, threads);
    Run pass(network, context, x.clone(), {.gradients_at = {0}, .parameter_gradients = true});
    return pass.backward(target(network, {1, 2, 3}), {.wrt = {0}, .parameter_gradients = true});
  };
  const Gradients one = explain(1);
  CHECK(same_bits(one, explain(2)));
  CHECK(same_bits(one, explain(3)));
}

TEST_CASE("run: the gradient at an inner node is that of the rest of the network" *
          doctest::test_suite("device")) {
  Context context = test_context(1);
  const Network network = placed(residual_network(), context);
  const NodeId inner = network.find("concat");
  Run pass(network, context, random_tensor({2, 3, 9, 7}, "pass.x"),
            {.keep = {inner}, .gradients_at = {inner}});

  Network rest(10);
  rest.add("relu6", relu6());
  rest.add("avgpool", adaptive_avg_pool2d(1));
  rest.add("flatten", flatten());
  rest.add("fc", linear(10, 5));
  for (NamedParameter& p : rest.parameters())
    for (const ConstNamedParameter& q : network.parameters())
      if (p.name == q.name) *p.tensor = context.copy(*q.tensor);
  Run rest_pass(rest, context, context.copy(pass.value(inner)), {.gradients_at = {0}});
  CHECK(test::same_bits(context.to_host(rest_pass.output()), context.to_host(pass.output())));
  const Gradients a = pass.backward(target(network, {1, 2}), {.wrt = {inner}});
  const Gradients b = rest_pass.backward(target(rest, {1, 2}), {.wrt = {0}});
  CHECK(test::same_bits(context.to_host(a.nodes.at(inner)), context.to_host(b.nodes.at(0))));
}

TEST_CASE("run: the gradient of several seeds is the sum of theirs" * doctest::test_suite("device")) {
  Context context = test_context(1);
  const Network network = placed(residual_network(), context);
  const NodeId inner = network.find("layer1");
  Run pass(network, context, random_tensor({2, 3, 9, 7}, "pass.x"), {.gradients_at = {0}});
  const auto inner_seed = [&] { return Seed{inner, random_tensor(pass.shape(inner), "pass.inner")}; };
  const auto gradient = [&](std::span<const Seed> seeds) {
    return context.to_host(pass.backward(seeds, {.wrt = {0}}).nodes.at(0));
  };
  std::vector<Seed> seeds;
  seeds.push_back(target(network, {1, 2}));
  seeds.push_back(inner_seed());
  seeds.push_back(target(network, {4, 4}));
  const Tensor together = gradient(seeds);
  Tensor apart = Tensor::zeros(together.shape());
  for (const Seed& seed : seeds) apart = sum(apart, gradient({&seed, 1}));
  CHECK(relative_error(together, apart) <= tolerance_on(context.device(), 1e-6));
  CHECK(relative_error(gradient({}), Tensor::zeros(together.shape())) == 0);
}

TEST_CASE("run: a target that does not depend on a node has gradient zero there" *
          doctest::test_suite("device")) {
  Context context = test_context(1);
  const Network network = placed(residual_network(), context);
  const NodeId stem = network.find("stem.relu"), block = network.find("layer1");
  Run pass(network, context, random_tensor({1, 3, 9, 7}, "pass.x"), {.gradients_at = {stem, block}});
  const Gradients gradients = to_host(
      context, pass.backward({stem, random_tensor(pass.shape(stem), "pass.stem")}, {.wrt = {stem, block}}));
  CHECK(test::same_bits(gradients.nodes.at(stem), random_tensor(pass.shape(stem), "pass.stem")));
  CHECK(test::same_bits(gradients.nodes.at(block), Tensor::zeros(pass.shape(block))));
}

TEST_CASE("run: a deep chain without backward holds two activations at most") {
  Network apart(4), in_place(4);
  for (int i = 0; i < 20; ++i) {
    apart.add("pool" + std::to_string(i), avg_pool2d({.kernel = 3, .stride = 1, .padding = 1}));
    in_place.add("relu" + std::to_string(i), relu());
  }
  const Shape shape{1, 4, 64, 64};
  const std::size_t activation = random_tensor(shape, "pass.x").bytes();
  const auto peak_of = [&](const Network& network) {
    Context context({}, 1);
    Run pass(network, context, random_tensor(shape, "pass.x"));
    CHECK(context.memory().bytes_in_use() == activation);
    return context.memory().peak_bytes();
  };
  CHECK(peak_of(apart) == 2 * activation);
  CHECK(peak_of(in_place) == activation);
}

TEST_CASE("run: the last backward releases what forward saved as it goes") {
  Network network(4);
  for (int i = 0; i < 20; ++i) {
    network.add("pool" + std::to_string(i), avg_pool2d({.kernel = 3, .stride = 1, .padding = 1}));
    network.add("relu" + std::to_string(i), relu());
  }
  const Shape shape{1, 4, 64, 64};
  Context context({}, 1);
  Tensor dy = context.copy(random_tensor(shape, "pass.dy"));
  const std::size_t activation = dy.bytes();
  const auto in_use = [&] { return context.memory().bytes_in_use() / activation; };
  Run pass(network, context, random_tensor(shape, "pass.x"), {.gradients_at = {0}});
  CHECK(in_use() == 1 + 20);
  const Seed seed{network.output(), std::move(dy)};
  {
    const Gradients kept = pass.backward(seed, {.wrt = {0}});
    CHECK(in_use() == 1 + 20 + 1);
  }
  const Gradients gradients = pass.backward(seed, {.wrt = {0}, .last = true});
  // dy, the output, which is always kept, and the gradient.
  CHECK(in_use() == 3);
  CHECK(context.memory().peak_bytes() / activation <= 1 + 20 + 3);
}

TEST_CASE("run: a value that was released is refused by name and a kept one is there") {
  const Network network = residual_network();
  Context context({}, 1);
  const NodeId kept = network.find("stem.conv"), released = network.find("layer1.0.conv1");
  Run pass(network, context, random_tensor({1, 3, 9, 7}, "pass.x"), {.keep = {kept}});
  CHECK(pass.value(kept).shape() == Shape{1, 4, 9, 7});
  CHECK_THROWS_WITH_AS(pass.value(released),
                       "the value of 'layer1.0.conv1' was released: name it in ProgramOptions::keep", Error);
  CHECK_THROWS_AS(pass.value(network.size()), Error);
  CHECK_THROWS_AS(pass.value(-1), Error);
  CHECK_THROWS_AS(Run(network, context, random_tensor({1, 3, 9, 7}, "pass.x"), {.keep = {99}}), Error);
}

TEST_CASE("run: a backward that forward did not prepare is refused") {
  const Network network = residual_network();
  Context context({}, 1);
  const NodeId block = network.find("layer1");
  Run pass(network, context, random_tensor({1, 3, 9, 7}, "pass.x"), {.gradients_at = {block}});
  CHECK_THROWS_WITH_AS(pass.backward(target(network, {1}), {.wrt = {0}}),
                       "a gradient at 'input' was asked for: name it in ProgramOptions::gradients_at", Error);
  CHECK_THROWS_WITH_AS(pass.backward(target(network, {1}), {.parameter_gradients = true}),
                       doctest::Contains("parameter gradients were asked for"), Error);
  CHECK_THROWS_WITH_AS(pass.backward({block, Tensor::zeros({1, 6, 5, 5})}, {.wrt = {block}, .last = true}),
                       "the seed at 'layer1.0.relu_1' is 1×6×5×5, its value is 1×6×5×4", Error);
  CHECK_THROWS_AS(pass.backward({network.size(), Tensor::zeros({1})}, {.wrt = {block}}), Error);
  CHECK_THROWS_AS(pass.backward(target(network, {1}), {.wrt = {-1}}), Error);

  CHECK(pass.backward(target(network, {1}), {.wrt = {block}, .last = true}).nodes.size() == 1);
  CHECK_THROWS_WITH_AS(pass.backward(target(network, {1}), {.wrt = {block}}),
                       "this run already ran its last backward", Error);
}

TEST_CASE("one_hot: refuses classes that are not there") {
  const std::vector<std::int64_t> fine{4, 0}, outside{0, 5}, negative{-1, 0};
  CHECK(one_hot(1, {2, 5}, fine).dy.values()[4] == 1);
  CHECK_THROWS_WITH_AS(one_hot(1, {2, 5}, outside),
                       "class 5 was asked for, but the network has classes 0 to 4", Error);
  CHECK_THROWS_AS(one_hot(1, {2, 5}, negative), Error);
  CHECK_THROWS_AS(one_hot(1, {3, 5}, fine), Error);
  CHECK_THROWS_AS(one_hot(1, {2, 5, 1, 1}, fine), Error);
}

TEST_CASE("run: several threads explain with one network at once") {
  const Network network = residual_network();
  const auto explain = [&](std::int64_t k, int threads) {
    Context context({}, threads);
    Run pass(network, context, random_tensor({1, 3, 13, 8}, "pass.x" + std::to_string(k)),
              {.gradients_at = {0}, .parameter_gradients = true});
    return pass.backward(target(network, {k}),
                         {.rule = kRules[k % 3], .wrt = {0}, .parameter_gradients = true, .last = true});
  };
  constexpr int kThreads = 4;
  std::vector<Gradients> together(kThreads);
  std::vector<std::thread> threads;
  for (int k = 0; k < kThreads; ++k)
    threads.emplace_back([&, k] { together[static_cast<std::size_t>(k)] = explain(k, 1 + k % 2); });
  for (std::thread& thread : threads) thread.join();
  for (int k = 0; k < kThreads; ++k) CHECK(same_bits(together[static_cast<std::size_t>(k)], explain(k, 1)));
}

TEST_CASE("run: an input or a parameter or a seed of a type that layers do not compute is refused by name") {
  Context context({}, 1);
  Network network = residual_network();
  const Tensor x = random_tensor({1, 3, 6, 6}, "pass.types.x");
  for (const DType dtype : {DType::f16, DType::bf16, DType::i32, DType::i64, DType::u8})
    CHECK_THROWS_WITH_AS(Run(network, context, Tensor::zeros(x.shape(), dtype)),
                         text("the network's input is ", dtype, ", expected float32 or float64").c_str(),
                         Error);
  CHECK_THROWS_WITH_AS(
      Run(network, context, x.to(DType::f64)),
      text("the network's parameter '", network.parameters().front().name,
           "' is float32, but its input is float64: convert one of them first, by Network::to or Tensor::to")
          .c_str(),
      Error);
  Run pass(network, context, x.clone(), {.gradients_at = {network.input()}});
  const Seed seed{network.output(), Tensor::zeros(pass.output().shape(), DType::i64)};
  CHECK_THROWS_WITH_AS(
      pass.backward({&seed, 1}, {.wrt = {network.input()}}),
      text("the seed at '", network.node(network.output()).name, "' is int64, its value is float32").c_str(),
      Error);
  CHECK_THROWS_WITH_AS(network.to(DType::i32),
                       "the type asked for a network's parameters is int32, expected float32 or float64",
                       Error);
  const NamedParameter parameter = network.parameters().back();
  *parameter.tensor = Tensor::zeros(parameter.tensor->shape(), DType::i32);
  CHECK_THROWS_WITH_AS(
      Run(network, context, x.clone()),
      text("the network's parameter '", parameter.name,
           "' is int32, but its input is float32: convert one of them first, by Network::to or Tensor::to")
          .c_str(),
      Error);
}
