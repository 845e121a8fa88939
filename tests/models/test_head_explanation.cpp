#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/explain/layer_path.hpp"
#include "models/language/head_explanation.hpp"
#include "models/language/heads.hpp"
#include "support/compare.hpp"
#include "support/device.hpp"
#include "support/fill_network.hpp"
#include "support/random.hpp"

using namespace backlight;
using namespace backlight::test;
using namespace backlight::language;

namespace {

constexpr std::int64_t kK = 3, kH = 4, kW = 5;
const std::vector<std::int32_t> kTokens{1, 5, 3, 4};

Network filled_head(Network head, Context& context) {
  Context host({}, 1);
  fill_network(head, host);
  head.to(context);
  return head;
}
Network captioner(Context& context) {
  return filled_head(caption_head({.encoder = {.channels = kK, .layers = {6, 5}}, .words = 7}), context);
}
Network answerer(Context& context) {
  return filled_head(vqa_head({.encoder = {.channels = kK, .layers = {6}},
                               .words = 7,
                               .answers = 4,
                               .word_size = 3,
                               .hidden = 4,
                               .common = 5}),
                     context);
}
Network attender(Context& context) {
  return filled_head(coattention_head({.channels = kK, .words = 7, .answers = 4, .size = 4, .last = 6}), context);
}
Tensor picture_map() { return random_tensor({1, kK, kH, kW}, "head.map", 0, 2); }

double sum_of(const Tensor& map) {
  double sum = 0;
  for (const float v : map.values()) sum += static_cast<double>(v);
  return sum;
}

}  // namespace

TEST_SUITE("device") {
  TEST_CASE("head explanation: with many steps the elementwise map of a path adds up to what the map adds to the score") {
    Context context = test_context(1);
    struct Case {
      Network head;
      int steps;  ///< an encoder's ReLUs make steps of the gradient
    };
    for (const auto& [head, steps] :
         {Case{captioner(context), 2048}, Case{answerer(context), 2048}, Case{attender(context), 256}}) {
      const HeadExplanation explanation(head, context, picture_map(), kTokens);
      const HeadExplanation nothing(head, context, Tensor::zeros({1, kK, kH, kW}), kTokens);
      HeadTarget target;
      double rise = 0;  // the largest of all scores
      for (std::int64_t id = 0; id < explanation.scores().shape()[1]; ++id) {
        const HeadTarget other{.said = {{0, id}}};
        const double by = explanation.value(other) - nothing.value(other);
        if (std::abs(by) > std::abs(rise)) target = other, rise = by;
      }
      const auto error_of = [&](int points) {
        const ClassMap map = std::move(explanation.maps({&target, 1}, {.steps = points, .elementwise = true}).front());
        CHECK(!map.alpha.defined());
        return std::abs(sum_of(map.map) - rise) / std::abs(rise);
      };
      CHECK(error_of(steps) <= 0.01);
      CHECK(error_of(256) <= 0.5 * error_of(32));
    }
  }

  TEST_CASE("head explanation: one step is the plain gradient and its mean weighs the channels") {
    Context context = test_context(1);
    for (const Network& head : {captioner(context), answerer(context), attender(context)}) {
      HeadExplanation explanation(head, context, picture_map(), kTokens);
      const HeadTarget target{.said = {{0, 3}}};
      const Tensor gradient = explanation.gradient(target);
      const ClassMap map = std::move(explanation.maps({&target, 1}, {.steps = 1}).front());
      const Tensor a = picture_map();
      for (std::int64_t i = 0; i < kH * kW; ++i) {
        double sum = 0;
        for (std::int64_t k = 0; k < kK; ++k)
          sum += static_cast<double>(map.alpha.values()[static_cast<std::size_t>(k)]) *
                 static_cast<double>(a.data<float>()[k * kH * kW + i]);
        CHECK(map.map.data<float>()[i] == doctest::Approx(sum).epsilon(1e-4));
      }
      for (std::int64_t k = 0; k < kK; ++k) {
        double mean = 0;
        for (std::int64_t i = 0; i < kH * kW; ++i)
          mean += static_cast<double>(gradient.data<float>()[k * kH * kW + i]) / static_cast<double>(kH * kW);
        CHECK(static_cast<double>(map.alpha.data<float>()[k]) == doctest::Approx(mean).epsilon(1e-6));
      }
    }
  }

  TEST_CASE("head explanation: many targets at once give the bits of each alone") {
    Context context = test_context(2);
    const Network head = captioner(context);
    const HeadExplanation explanation(head, context, picture_map(), kTokens);
    const std::vector<HeadTarget> targets{{.said = {{0, 5}}},
                                          {.said = {{1, 3}}, .log_probability = true},
                                          {.said = {{0, 5}, {1, 3}, {2, 4}}, .log_probability = true},
                                          {.said = {{2, 6}}, .direction = Direction::counterfactual}};
    const std::vector<ClassMap> together = explanation.maps(targets);
    REQUIRE(together.size() == targets.size());
    for (std::size_t i = 0; i < targets.size(); ++i)
      CHECK(same_bits(together[i].map, explanation.maps({&targets[i], 1}).front().map));
  }

  TEST_CASE("head explanation: a sentence's gradient is the sum of its words', and a counterfactual's the opposite") {
    Context context = test_context(1);
    const Network head = captioner(context);
    HeadExplanation explanation(head, context, picture_map(), kTokens);
    const std::vector<Said> words{{0, 5}, {1, 3}, {2, 4}};
    const Tensor whole = explanation.gradient({.said = words, .log_probability = true});
    const Tensor opposite =
        explanation.gradient({.said = words, .log_probability = true, .direction = Direction::counterfactual});
    std::vector<double> sum(static_cast<std::size_t>(whole.numel()), 0.0);
    double value = 0;
    for (const Said& word : words) {
      const HeadTarget target{.said = {word}, .log_probability = true};
      const Tensor one = explanation.gradient(target);
      value += explanation.value(target);
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += static_cast<double>(one.values()[i]);
    }
    CHECK(explanation.value({.said = words, .log_probability = true}) == doctest::Approx(value));
    for (std::size_t i = 0; i < sum.size(); ++i) {
      CHECK(std::abs(static_cast<double>(whole.values()[i]) - sum[i]) <= 1e-6);
      CHECK(opposite.values()[i] == -whole.values()[i]);
    }
  }

  TEST_CASE(
      "layer path: of every target of a batch, with the bits of that target alone, however many go "
      "together") {
    Context context = test_context(2);
    const Network head = attender(context);
    const Tensor maps = random_tensor({2, kK, kH, kW}, "path.maps", 0, 2);
    Tensor tokens({2, 4}, DType::i32);
    std::ranges::copy(std::vector<std::int32_t>{1, 5, 3, 0, 2, 6, 4, 1}, tokens.data<std::int32_t>());
    const NodeId map = head.find("map");
    const auto path_of = [&](const std::vector<std::int64_t>& images, int steps,
                             std::int64_t bytes = kTailBytes) {
      const std::vector<TensorType> types{{maps.dtype(), maps.shape()}, {DType::i32, tokens.shape()}};
      std::vector<Tensor> values = tensors(maps.clone());
      values.push_back(tokens.clone());
      const Run run(std::make_shared<const Program>(
                        head, context, types, ProgramOptions{.keep = {map}, .gradients_at = {map}, .resume_at = {map}}),
                    context, std::move(values));
      const auto by_target = [](std::int64_t target, std::span<const double> scores, std::span<double> dy) {
        dy[static_cast<std::size_t>(1 + target)] = scores[0];
      };
      return path_gradients(run, context, map, head.output(), images, steps, by_target, bytes);
    };
    const auto size = static_cast<std::size_t>(kK * kH * kW);
    const Tensor all = path_of({1, 0, 1}, 4), first = path_of({1}, 4);
    CHECK(std::ranges::equal(all.values().first(size), first.values()));
    CHECK_FALSE(std::ranges::equal(all.values().last(size), first.values()));  // of another target
    CHECK(same_bits(path_of({1, 0, 1}, 4, 1), all));
    CHECK_THROWS_WITH_AS(path_of({0}, 0), doctest::Contains("a path of 0 steps"), Error);
    CHECK_THROWS_WITH_AS(path_of({2}, 1), doctest::Contains("image 2 of a batch of 2"), Error);
  }
}

TEST_CASE("head explanation: scores that do not exist are refused") {
  Context context({}, 1);
  const Network head = answerer(context);
  const HeadExplanation explanation(head, context, picture_map(), kTokens);
  for (const Said& said : {Said{0, 4}, Said{1, 0}, Said{0, -1}})
    CHECK_THROWS_WITH_AS(explanation.value({.said = {said}}), doctest::Contains("but the scores are 1×4"), Error);
}
