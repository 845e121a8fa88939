#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <thread>
#include <vector>

#include "engine/run/arena.hpp"
#include "engine/run/programs.hpp"
#include "engine/run/run.hpp"
#include "kernels/layers.hpp"
#include "support/compare.hpp"
#include "support/device.hpp"
#include "support/random.hpp"
#include "support/residual_network.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

Shape picture(std::int64_t batch = 1) { return {batch, 3, 9, 7}; }

std::vector<TensorType> type_of(const Shape& shape) { return {{DType::f32, shape}}; }

/// How many layers run.
std::size_t calls(const Network& network, const Context& context, ProgramOptions options) {
  return Program(network, context, type_of(picture()), std::move(options)).steps().size();
}

}  // namespace

TEST_CASE("program: is made anew for other instructions, and no run takes one that was not") {
  const Network network = residual_network();
  Programs programs(network);
  Context first;
  const auto program = programs.get(first, type_of(picture()), {});
  CHECK(programs.get(first, type_of(picture()), {}) == program);
  const Tensor x = random_tensor(picture(), "isa.x");
  const Tensor plain = Run(network, first, x.clone(), {.optimise = Optimisations::none()}).output().clone();
  for (const cpu::Isa isa : cpu::kIsas) {
    if (!cpu::available(isa) || isa == first.isa()) continue;
    CAPTURE(cpu::name_of(isa));
    Context other({}, 1, Precision::strict, isa);
    const auto its_own = programs.get(other, type_of(picture()), {});
    CHECK(its_own->isa() == isa);
    CHECK(relative_error(Run(its_own, other, tensors(x.clone())).output(), plain) <= 1e-4);
    const std::string named = "arranged weights for " + std::string(cpu::name_of(program->isa()));
    CHECK_THROWS_WITH_AS(Run(program, other, tensors(x.clone())), doctest::Contains(named.c_str()), Error);
  }
}

TEST_CASE("program: every optimisation alone and all together give the plain results" *
          doctest::test_suite("device")) {
  Context context = test_context(2);
  const Network network = placed(residual_network(), context);
  const NodeId layer = network.find("layer1");
  const Tensor x = random_tensor(picture(2), "program.x");
  const Seed seed{network.output(), random_tensor({2, 5}, "program.dy")};
  struct Answer {
    Tensor scores, activation;
    Gradients gradients;
  };
  const auto answer = [&](Optimisations optimise, BackwardRule rule) {
    Run run(network, context, x.clone(), {.keep = {layer}, .gradients_at = {0, layer}, .optimise = optimise});
    return Answer{context.to_host(run.output()), context.to_host(run.value(layer)),
                  to_host(context, run.backward(seed, {.rule = rule, .wrt = {0, layer}}))};
  };
  struct Case {
    Optimisations optimise;
    bool exact;
  };
  const Case cases[] = {{{.drop_dead = true, .fuse = false}, true},
                        {{.drop_dead = false, .fuse = true}, true},
                        {{.drop_dead = false, .fuse = false, .fold = true}, false},
                        {{.drop_dead = false, .fuse = false, .pack = true}, true},
                        {{.drop_dead = false, .fuse = false, .arena = true}, true},
                        {{.fuse = true, .arena = true}, true},
                        {Optimisations::all(), false}};
  for (const BackwardRule rule : {BackwardRule::standard, BackwardRule::deconvnet, BackwardRule::guided}) {
    const Answer plain = answer(Optimisations::none(), rule);
    for (const auto& [optimise, exact] : cases) {
      CAPTURE(optimise.drop_dead);
      CAPTURE(optimise.fuse);
      CAPTURE(optimise.fold);
      CAPTURE(optimise.pack);
      CAPTURE(optimise.winograd);
      CAPTURE(optimise.arena);
      const Answer found = answer(optimise, rule);
      const double tolerance = tolerance_on(context.device(), exact ? 0 : 2e-6);
      CHECK(relative_error(found.scores, plain.scores) <= tolerance);
      CHECK(relative_error(found.activation, plain.activation) <= tolerance);
      for (const NodeId node : {NodeId{0}, layer})
        CHECK(relative_error(found.gradients.nodes.at(node), plain.gradients.nodes.at(node)) <= tolerance);
    }
  }
}

TEST_CASE("program: what nobody asked for is not computed and says so when it is asked") {
  const Network network = residual_network();
  Context context({}, 1);
  const NodeId block = network.find("layer1"), pool = network.find("pool");
  const Optimisations drop{.drop_dead = true, .fuse = false};
  const auto count = static_cast<std::size_t>(network.size()) - 1;
  CHECK(calls(network, context, {.optimise = drop}) == count);
  CHECK(calls(network, context, {.outputs = {block}, .optimise = Optimisations::none()}) == count);
  CHECK(calls(network, context, {.outputs = {block}, .optimise = drop}) == static_cast<std::size_t>(block));
  CHECK(calls(network, context, {.outputs = {pool}, .optimise = drop}) == 4);

  Run run(network, context, random_tensor(picture(), "program.x"), {.outputs = {block}, .gradients_at = {0}});
  CHECK(run.output().shape() == run.shape(block));
  CHECK_THROWS_WITH_AS(
      run.backward({pool, Tensor::zeros(run.shape(pool))}, {.wrt = {0}}),
      "the seed at 'pool' is of a value that this program does not compute: name it in ProgramOptions::keep",
      Error);
  CHECK_THROWS_AS(Program(network, context, type_of(picture()), {.outputs = {network.size()}}), Error);
}

TEST_CASE("program: batch norm is folded where its convolution's value is nobody else's business") {
  const Network network = residual_network();
  Context context({}, 1);
  const Optimisations fold{.drop_dead = true, .fuse = false, .fold = true};
  const auto folded = [&](ProgramOptions options) {
    const std::size_t plain = static_cast<std::size_t>(network.size()) - 1;
    options.optimise = fold;
    return plain - calls(network, context, std::move(options));
  };
  const NodeId convolution = network.find("layer1.0.conv1"), norm = network.find("layer1.0.bn1");
  CHECK(folded({}) == 4);
  CHECK(folded({.keep = {convolution}}) == 3);
  CHECK(folded({.gradients_at = {convolution}}) == 3);
  CHECK(folded({.gradients_at = {norm}}) == 4);
  CHECK(folded({.parameter_gradients = true}) == 0);
  CHECK(folded({.training = true}) == 0);

  Network twice = residual_network();
  twice.add("reader", relu(), {twice.find("stem.conv")});
  twice.add_output("scores", twice.find("fc"));
  twice.add_output("reader", twice.find("reader"));
  CHECK(calls(twice, context, {.optimise = fold}) == static_cast<std::size_t>(twice.size()) - 1 - 3);
}

TEST_CASE("program: a folded convolution has the closed form's weights") {
  Network network(2);
  network.add("conv", conv2d(2, 2, {.kernel = 1}));
  network.add("bn", batch_norm2d(2, 0.5));
  const std::vector<NamedParameter> all = network.parameters();
  for (const NamedParameter& p : all) fill(*p.tensor, "fold." + p.name, 0.5, 2);
  Context context({}, 1);
  const Program program(network, context, type_of({1, 2, 3, 3}), {.optimise = Optimisations::all()});
  REQUIRE(program.steps().size() == 1);
  const Node& node = program.node(program.steps()[0].node);
  REQUIRE(node.parameters.size() == 2);
  const Tensor &weight = program.parameter(node.parameters[0], network.weights()),
               &bias = program.parameter(node.parameters[1], network.weights());
  const auto at = [&](std::size_t parameter, std::size_t i) {
    return double{all[parameter].tensor->values()[i]};
  };
  for (std::size_t c = 0; c < 2; ++c) {
    const double s = at(2, c) / std::sqrt(at(5, c) + 0.5);
    for (std::size_t i = 0; i < 2; ++i)
      CHECK(weight.values()[2 * c + i] == static_cast<float>(at(0, 2 * c + i) * s));
    CHECK(bias.values()[c] == static_cast<float>((at(1, c) - at(4, c)) * s + at(3, c)));
  }
}

TEST_CASE("arena: values that are in use at once never overlap and others share their places") {
  std::vector<Lifetime> values;
  for (int i = 0; i < 200; ++i) {
    const std::uint64_t dice = random_bits(1, static_cast<std::uint64_t>(i));
    const int first = static_cast<int>(dice % 50);
    values.push_back({dice / 64 % 10'000, first, first + static_cast<int>(dice / 1024 % 8)});
  }
  const ArenaPlan plan = plan_arena(values);
  std::size_t together = 0, all = 0, most = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    all += values[i].bytes;
    CHECK(plan.offsets[i] % 256 == 0);
    CHECK(plan.offsets[i] + values[i].bytes <= plan.bytes);
    for (std::size_t j = 0; j < i; ++j) {
      const bool at_once = values[i].first <= values[j].last && values[j].first <= values[i].last;
      const bool apart = plan.offsets[i] + values[i].bytes <= plan.offsets[j] ||
                         plan.offsets[j] + values[j].bytes <= plan.offsets[i];
      together += at_once && !apart;
    }
  }
  CHECK(together == 0);
  for (int step = 0; step < 58; ++step) {
    std::size_t in_use = 0;
    for (const Lifetime& value : values)
      if (value.first <= step && step <= value.last) in_use += (value.bytes + 255) / 256 * 256;
    most = std::max(most, in_use);
  }
  CHECK(plan.bytes < all / 4);
  CHECK(plan.bytes <= most + most / 4);
  CHECK(plan_arena({}).bytes == 0);
}

TEST_CASE("program: a chain's arena holds two values, in place one") {
  Network apart(4), in_place(4);
  for (int i = 0; i < 20; ++i) {
    apart.add("pool" + std::to_string(i), avg_pool2d({.kernel = 3, .stride = 1, .padding = 1}));
    in_place.add("relu" + std::to_string(i), relu());
  }
  const Shape shape{1, 4, 64, 64};
  const std::size_t activation = 4 * 64 * 64 * sizeof(float);
  Context context({}, 1);
  const auto bytes = [&](const Network& network) {
    const Program program(network, context, type_of(shape), {.optimise = {.arena = true}});
    return program.arena_bytes();
  };
  CHECK(bytes(apart) == 2 * activation);
  CHECK(bytes(in_place) == activation);
}

TEST_CASE("programs: after the first picture of a shape no block of memory is taken from the system") {
  const Network network = residual_network();
  Programs programs(network);
  Context context({}, 2);
  const auto explain = [&] {
    Run run(
        programs.get(context, type_of(picture()), {.keep = {network.find("layer1")}, .gradients_at = {0}}),
        context, tensors(random_tensor(picture(), "fresh.x")));
    run.backward({network.output(), random_tensor({1, 5}, "fresh.dy")},
                 {.rule = BackwardRule::guided, .wrt = {0}});
  };
  explain();
  const std::size_t blocks = context.fresh_blocks();
  CHECK(blocks > 0);
  for (int i = 0; i < 3; ++i) explain();
  CHECK(context.fresh_blocks() == blocks);
}

TEST_CASE("programs: are made once for a kind of input and a question") {
  Network network = residual_network();
  Context context({}, 1);
  Programs programs(network, Optimisations::all(), 2);
  const auto get = [&](std::int64_t batch, ProgramOptions options = {}) {
    return programs.get(context, type_of(picture(batch)), std::move(options));
  };
  const auto one = get(1);
  CHECK(get(1) == one);
  CHECK(get(2) != one);
  CHECK(get(1) == one);
  CHECK(get(1, {.gradients_at = {0}}) != one);  // the third: that for two pictures is gone
  CHECK(get(1) == one);

  // New weights are never mixed with what was folded from old ones.
  const Tensor x = random_tensor(picture(), "programs.x");
  const auto scores = [&] { return Run(get(1), context, tensors(x.clone())).output().clone(); };
  const Tensor before = scores();
  network.parameters()[0].tensor->fill(0.25);
  CHECK_THROWS_WITH_AS(Run(one, context, tensors(x.clone())),
                       "the network's weights changed since its program folded them: make a new program",
                       Error);
  CHECK(get(1) != one);
  const Tensor after = scores();
  CHECK(relative_error(after, before) > 1e-3);
  CHECK(relative_error(after, Run(network, context, x.clone()).output()) <= 2e-6);
}

TEST_CASE("programs: threads share them") {
  const Network network = residual_network();
  Programs programs(network);
  const auto explain = [&](std::int64_t batch) {
    Context context({}, 1);
    Run run(programs.get(context, type_of(picture(batch)), {.gradients_at = {0}}), context,
            tensors(random_tensor(picture(batch), "programs.threads")));
    return std::move(
        run.backward({network.output(), random_tensor({batch, 5}, "programs.dy")}, {.wrt = {0}}).nodes.at(0));
  };
  std::vector<Tensor> together(6);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < together.size(); ++i)
    threads.emplace_back([&, i] { together[i] = explain(1 + static_cast<std::int64_t>(i) % 2); });
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < together.size(); ++i)
    CHECK(same_bits(together[i], explain(1 + static_cast<std::int64_t>(i) % 2)));
}

TEST_CASE("run: rows that it goes on with bring their tokens" * doctest::test_suite("device")) {
  Network network({{.name = "map", .extents = {kAnyExtent, 2, kAnyExtent}},
                   {.name = "tokens", .extents = {kAnyExtent, kAnyExtent}, .dtype = DType::i32}});
  const NodeId masked = network.add("masked", masked_softmax(), {0, 1});
  Context context = test_context();
  std::vector<Tensor> values = tensors(random_tensor({2, 2, 3}, "resume.map"));
  values.emplace_back(Shape{2, 2}, DType::i32);
  std::ranges::copy(std::vector<std::int32_t>{5, 0, 0, 7}, values[1].data<std::int32_t>());
  const TensorType types[] = {{DType::f32, {2, 2, 3}}, {DType::i32, {2, 2}}};
  const Run run(std::make_shared<const Program>(network, context, types, ProgramOptions{.resume_at = {0}}),
                context, std::move(values));
  const std::vector<std::int64_t> rows{1, 0, 1};
  const Run resumed = run.resume(run.tail(0, 3), context.zeros({3, 2, 3}), rows);
  const Tensor y = context.to_host(resumed.value(masked));
  for (std::int64_t n = 0; n < 3; ++n)
    for (std::int64_t k = 0; k < 2; ++k)
      CHECK(y.data<float>()[(n * 2 + k) * 3] == (k == rows[static_cast<std::size_t>(n)] ? 1 : 0));
}

TEST_CASE("run: goes on from a node in the middle with other values and another batch" *
          doctest::test_suite("device")) {
  Context context = test_context(2);
  const Network network = placed(residual_network(), context);
  const NodeId inner = network.find("layer1.0.relu");  // a shortcut and a pooling go around it
  const Tensor x = random_tensor(picture(2), "resume.x");
  Run run(network, context, x.clone(), {.keep = {inner}, .gradients_at = {inner}, .resume_at = {inner}});

  SUBCASE("its own value gives its own output and gradient") {
    const auto tail = run.tail(inner, 2, {.gradients_at = {inner}});
    CHECK(tail->steps().size() < run.program().steps().size());
    Run resumed = run.resume(tail, context.copy(run.value(inner)));
    CHECK(same_result(context.to_host(resumed.output()), context.to_host(run.output())));
    const Seed seed{network.output(), random_tensor({2, 5}, "resume.dy")};
    const Gradients whole = to_host(context, run.backward(seed, {.wrt = {inner}}));
    const Gradients rest = to_host(context, resumed.backward(seed, {.wrt = {inner}}));
    CHECK(same_result(rest.nodes.at(inner), whole.nodes.at(inner)));
  }
  SUBCASE("each new row takes what goes around the node from the row that it names") {
    const Shape one = run.shape(inner).with(0, 1);
    const std::vector<std::int64_t> rows{1, 0, 1};
    const Tensor own = context.to_host(run.value(inner));
    Tensor value = Tensor::zeros(one.with(0, 3));
    std::copy_n(own.values().data() + one.numel(), one.numel(), value.values().data());  // row 1, as it was
    Run resumed = run.resume(run.tail(inner, 3), std::move(value), rows);
    const Tensor scores = context.to_host(resumed.output()), before = context.to_host(run.output());
    const auto row = [](const Tensor& t, std::int64_t n) {
      Tensor result({1, 5});
      std::copy_n(t.values().data() + n * 5, 5, result.values().data());
      return result;
    };
    CHECK(same_result(row(scores, 0), row(before, 1)));
    for (const auto& [n, image] : {std::pair<std::int64_t, std::int64_t>{1, 0}, {2, 1}}) {
      // Zeros at the node: as if the whole network ran with zeros there.
      Run alone(
          std::make_shared<const Program>(
              network, context, std::vector<Given>{{0, {DType::f32, picture()}}, {inner, {DType::f32, one}}}),
          context, [&] {
            Tensor picture_of(picture());
            std::copy_n(x.values().data() + image * picture_of.numel(), picture_of.numel(),
                        picture_of.values().data());
            std::vector<Tensor> values = tensors(std::move(picture_of));
            values.push_back(Tensor::zeros(one));
            return values;
          }());
      CHECK(same_result(row(scores, n), context.to_host(alone.output())));
    }
  }
  SUBCASE("what does not fit is refused") {
    CHECK_THROWS_WITH_AS(run.tail(network.find("pool"), 2),
                         "a run from 'pool' on was asked for: name it in ProgramOptions::resume_at", Error);
    const auto tail = run.tail(inner, 3);
    const auto resume = [&](const Shape& shape, const std::vector<std::int64_t>& rows) {
      run.resume(tail, Tensor::zeros(shape), rows);
    };
    const Shape fits = run.shape(inner).with(0, 3);
    CHECK_THROWS_AS(resume(fits.with(0, 2), {0, 0, 0}), Error);
    CHECK_THROWS_WITH_AS(resume(fits, {0, 1}),
                         "a batch of 3 goes on with 2 rows of a run of 2, expected one row for each", Error);
    CHECK_THROWS_WITH_AS(resume(fits, {0, 1, 2}), "row 2 was asked for, but the run has 2", Error);
  }
}
