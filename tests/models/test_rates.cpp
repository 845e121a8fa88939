#include <doctest/doctest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/evaluate/pointing.hpp"
#include "engine/explain/display.hpp"
#include "models/language/captions.hpp"
#include "models/language/drawn.hpp"
#include "models/language/heads.hpp"
#include "models/language/rates.hpp"
#include "models/scenes/evaluate.hpp"
#include "models/scenes_net.hpp"
#include "support/fill_network.hpp"

using namespace backlight;
using namespace backlight::test;
using namespace backlight::language;

namespace {

LanguageModel untrained(LanguageTask task) {
  const auto words = static_cast<std::int64_t>(all_words().size());
  LanguageModel model{
      .task = task,
      .cnn = scenes_features(2),
      .head = task == LanguageTask::caption
                  ? caption_head({.encoder = {.channels = 8, .layers = {6}}, .words = words})
                  : vqa_head({.encoder = {.channels = 8, .layers = {6}},
                              .words = words,
                              .answers = kAnswers,
                              .word_size = 4,
                              .hidden = 4,
                              .common = 6}),
      .vocabulary = task == LanguageTask::caption ? caption_vocabulary() : question_vocabulary()};
  Context context({}, 1);
  fill_network(model.cnn, context);
  fill_network(model.head, context);
  return model;
}

/// Answers `yes` to everything.
LanguageModel yes_man() {
  LanguageModel model = untrained(LanguageTask::vqa);
  for (NamedParameter& p : model.head.parameters()) {
    if (p.name == "out.weight") p.tensor->fill(0);
    if (p.name == "out.bias") {
      p.tensor->fill(0);
      p.tensor->values()[static_cast<std::size_t>(model.vocabulary.answer("yes"))] = 1;
    }
  }
  return model;
}

}  // namespace

TEST_CASE("rates: of one that always says yes half of the questions for yes and no are right, and no other") {
  Context context({}, 2);
  const LanguageModel model = yes_man();
  const AnswerRates rates = answer_rates(model, context, 5, 300, 160);
  CHECK(rates.all.asked == 160);
  std::int64_t hits = 0;
  for (int family = 0; family < kFamilies; ++family) {
    const Share& share = rates.families[static_cast<std::size_t>(family)];
    CHECK(share.asked == 20);
    const auto asked = static_cast<Family>(family);
    const bool yes_or_no = asked == Family::exist || asked == Family::exist_colour || asked == Family::verify;
    CHECK(share.hits == (yes_or_no ? 10 : 0));
    hits += share.hits;
  }
  CHECK(rates.all.hits == hits);
  CHECK(answer_rates(model, context, 5, 300, 160, /*blind=*/true).all.hits == hits);

  // Of these only the right ones that have evidence are asked where they point.
  const auto pointing = answer_pointing(model, context, 5, 300, 160, {.steps = 1});
  const auto whatever_it_says =
      answer_pointing(model, context, 5, 300, 160, {.steps = 1}, /*only_right=*/false);
  CHECK(whatever_it_says[static_cast<std::size_t>(Family::colour)].evidence.asked == 20);
  CHECK(pointing[static_cast<std::size_t>(Family::colour)].evidence.asked == 0);
  for (int family = 0; family < kFamilies; ++family)
    CHECK(pointing[static_cast<std::size_t>(family)].evidence.asked ==
          rates.families[static_cast<std::size_t>(family)].hits);
}

TEST_CASE("rates: every word of a true caption that is about something is asked where it points") {
  Context context({}, 2);
  const LanguageModel model = untrained(LanguageTask::caption);
  const auto rates = caption_pointing(model, context, 3, 40, {.steps = 2});
  std::array<std::int64_t, kWordRoles> asked{};
  for (std::uint64_t scene = 0; scene < 40; ++scene) {
    const Layout layout = lay_out(3, scene);
    const std::size_t things = layout.related() ? 2 : 1;
    asked[static_cast<std::size_t>(WordRole::colour)] += static_cast<std::int64_t>(things);
    asked[static_cast<std::size_t>(layout.distinct() ? WordRole::noun : WordRole::plural)] +=
        static_cast<std::int64_t>(things);
    asked[static_cast<std::size_t>(WordRole::size)] += layout.kind == Kind::one;
    asked[static_cast<std::size_t>(WordRole::number)] += !layout.distinct();
    ++asked[static_cast<std::size_t>(WordRole::sentence)];
  }
  for (const WordRole role : {WordRole::noun, WordRole::colour, WordRole::size, WordRole::number,
                              WordRole::plural, WordRole::sentence}) {
    CAPTURE(name_of(role));
    const Pointing& pointing = rates[static_cast<std::size_t>(role)];
    CHECK(pointing.evidence.asked == asked[static_cast<std::size_t>(role)]);
    CHECK(pointing.evidence.hits + pointing.other.hits <= pointing.evidence.asked);
  }
  CHECK(rates[static_cast<std::size_t>(WordRole::number)].other.asked == 0);
  CHECK(rates[static_cast<std::size_t>(WordRole::relation)].evidence.asked > 0);
}

TEST_CASE("rates: a region caption of each object is compared with its box and asked where it points") {
  Context context({}, 2);
  const LanguageModel model = untrained(LanguageTask::caption);
  constexpr std::uint64_t kSeed = 7;
  std::int64_t count = 1;
  while (lay_out(kSeed, static_cast<std::uint64_t>(count - 1)).kind != Kind::triple) ++count;
  const RegionRates rates = region_rates(model, context, kSeed, count, {.steps = 2});

  std::vector<double> of_map, of_backprop, of_product;
  std::int64_t hits = 0;
  for (std::uint64_t i = 0; std::cmp_less(i, count); ++i) {
    std::vector<Scene> scene{render(kSeed, i)};
    if (!scene.front().layout.related()) continue;
    Run cnn(model.cnn, context, input_of(context, scene), {.gradients_at = {model.cnn.input()}});
    for (std::size_t n = 0; n < scene.front().boxes.size(); ++n) {
      const Thing thing = scene.front().layout.objects[n].thing;
      const std::vector<std::string_view> words{"a", kColours[static_cast<std::size_t>(thing.colour)],
                                                kNouns[static_cast<std::size_t>(thing.noun)]};
      std::vector<std::int32_t> tokens = model.vocabulary.encode(joined(words));
      const HeadTarget caption{.said = {{0, tokens[0]}, {1, tokens[1]}, {2, tokens[2]}},
                               .log_probability = true};
      tokens.insert(tokens.begin(), 1);
      HeadExplanation head(model.head, context, cnn.output().clone(), tokens);
      const Tensor map = std::move(head.maps({&caption, 1}, {.steps = 2}).front().map);
      const Box& box = scene.front().boxes[n];
      const PixelSet inside = PixelSet::of(kSceneSize, kSceneSize, {&box, 1});
      Tensor gradient = guided_backprop(head, cnn, caption).reshaped({3, kSceneSize, kSceneSize});
      const Tensor fine = enlarged_evidence(map, Preset::pytorch_grad_cam, kSceneSize, kSceneSize);
      hits += scenes::points_into(box, map.values(), map.shape()[1], kSceneSize);
      of_map.push_back(inside_outside(fine, inside));
      of_backprop.push_back(inside_outside(gradient, inside));
      of_product.push_back(inside_outside(guided_product(gradient, map, Preset::pytorch_grad_cam), inside));
    }
  }
  REQUIRE(of_map.size() >= 3);
  const auto median = [](std::vector<double>& values) {
    std::ranges::sort(values);
    return (values[values.size() / 2] + values[(values.size() - 1) / 2]) / 2;
  };
  CHECK(rates.grad_cam == median(of_map));
  CHECK(rates.guided_backprop == median(of_backprop));
  CHECK(rates.guided_grad_cam == median(of_product));
  CHECK(rates.pointing.evidence.asked == std::ssize(of_map));
  CHECK(rates.pointing.other.asked == std::ssize(of_map));
  CHECK(rates.pointing.evidence.hits == hits);
}

TEST_CASE("rates: an untrained captioner says nothing true, and what was not meant is refused") {
  Context context({}, 2);
  const LanguageModel captioner = untrained(LanguageTask::caption), answerer = untrained(LanguageTask::vqa);
  const CaptionRates rates = caption_rates(captioner, context, 3, 60);
  CHECK(rates.all.asked == 60);
  CHECK(rates.all.hits <= 1);
  std::int64_t asked = 0;
  for (const Share& kind : rates.kinds) asked += kind.asked;
  CHECK(asked == 60);
  CHECK_THROWS_WITH_AS(caption_rates(answerer, context, 3, 60), doctest::Contains("of a network of task vqa"),
                       Error);
  CHECK_THROWS_WITH_AS(answer_rates(captioner, context, 3, 60, 60), doctest::Contains("of task caption"),
                       Error);
  CHECK_THROWS_AS(caption_rates(captioner, context, 3, 0), Error);
  CHECK_THROWS_AS(region_rates(captioner, context, 3, 0), Error);
  CHECK_THROWS_WITH_AS(region_rates(answerer, context, 3, 60), doctest::Contains("of a network of task vqa"),
                       Error);
  CHECK_THROWS_AS(answer_rates(answerer, context, 3, 60, 0), Error);
}
