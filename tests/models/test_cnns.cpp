#include <doctest/doctest.h>

#include <algorithm>

#include "engine/run/run.hpp"
#include "models/language/head_explanation.hpp"
#include "models/language/heads.hpp"
#include "models/language/language_model.hpp"
#include "support/compare.hpp"
#include "support/fill_network.hpp"
#include "support/golden.hpp"
#include "support/random.hpp"
#include "support/temporary_folder.hpp"

using namespace backlight;
using namespace backlight::test;
using namespace backlight::language;

namespace {

constexpr int kSide = 64;

Vocabulary seven_words(bool answers) {
  std::vector<std::string> words{"<pad>"}, said;
  for (int i = 1; i < 7; ++i) words.push_back("word" + std::to_string(i));
  for (int i = 0; answers && i < 4; ++i) said.push_back("answer" + std::to_string(i));
  return {words, said, {.pad = 0, .start = 1, .end = 0}, 4};
}

/// A model of tests/golden/make_sources.py, "vgg16.caption" for instance.
LanguageModel source(const std::string& name, Context& context) {
  const std::size_t dot = name.find('.');
  const std::string cnn_name = name.substr(0, dot), task_name = name.substr(dot + 1);
  Cnn cnn = make_cnn(cnn_name);
  cnn.preprocessing.input_size = cnn.preprocessing.resize_size = kSide;
  const bool vgg = cnn.pools;
  EncoderSizes encoder{.channels = vgg ? 512 : 2048, .pool = vgg, .layers = {5}, .batch_norm = false};
  encoder.grids = {1};
  if (vgg) encoder.grids = {}, encoder.map_side = kSide / 16;
  LanguageTask task = LanguageTask::caption;
  Network head;
  if (task_name == "caption") {
    if (vgg) encoder.layers = {6, 5};
    head = caption_head({.encoder = encoder, .words = 7});
  } else if (task_name == "vqa") {
    task = LanguageTask::vqa;
    encoder.layers = vgg ? std::vector<std::int64_t>{8, 6} : std::vector<std::int64_t>{6};
    head = vqa_head({.encoder = encoder,
                     .words = 7,
                     .answers = 4,
                     .word_size = 3,
                     .hidden = 4,
                     .common = 5,
                     .unit_length = true});
  } else {
    task = LanguageTask::coattention;
    head = coattention_head({.channels = encoder.channels,
                             .pool = vgg,
                             .words = 7,
                             .answers = 4,
                             .size = 4,
                             .last = 6,
                             .lstm_layers = 2,
                             .coordinates = false});
  }
  fill_network(cnn.network, context);
  fill_network(head, context);
  return {.task = task,
          .cnn = std::move(cnn.network),
          .head = std::move(head),
          .vocabulary = seven_words(task != LanguageTask::caption),
          .preprocessing = cnn.preprocessing,
          .cnn_name = cnn_name};
}

void check_golden(const std::string& name, const LanguageModel& model, Context& context) {
  CAPTURE(name);
  const Run cnn(model.cnn, context, random_tensor({1, 3, kSide, kSide}, "sources.x"));
  const HeadExplanation head(model.head, context, cnn.output(), std::vector<std::int32_t>{1, 5, 3, 0});
  const Tensor scores = golden("sources", name + ".scores");
  CHECK(relative_error(head.scores().clone().reshaped(scores.shape()), scores) <= 1e-4);
  // The golden's map is of Σ dy·score: the sum of those of all scores, weighted.
  const Tensor dy = random_tensor(scores.shape(), "sources.dy");
  std::vector<HeadTarget> targets;
  for (std::int64_t step = 0; step < head.scores().shape()[0]; ++step)
    for (std::int64_t id = 0; id < head.scores().shape()[1]; ++id) targets.push_back({.said = {{step, id}}});
  const std::vector<ClassMap> maps = head.maps(targets, {.steps = 1, .elementwise = true});
  const Tensor expected = golden("sources", name + ".map");
  Tensor sum = Tensor::zeros(expected.shape());
  for (std::size_t i = 0; i < maps.size(); ++i)
    for (std::size_t at = 0; at < sum.values().size(); ++at)
      sum.values()[at] += dy.values()[i] * maps[i].map.values()[at];
  CHECK(relative_error(sum, expected) <= 1e-3);
}

}  // namespace

TEST_CASE("cnns: heads behind VGG-19 and ResNets say and show what PyTorch computes") {
  Context context({}, 2);
  for (const char* name :
       {"vgg16.coattention", "vgg19.vqa", "resnet50.coattention", "resnet101.caption", "resnet152.vqa"})
    check_golden(name, source(name, context), context);
}

TEST_CASE(
    "cnns: a captioner behind VGG-16 is written and read by the CNN's name, and says what PyTorch computes") {
  const TemporaryFolder folder;
  Context context({}, 2);
  const auto path = folder.path() / "vgg16.safetensors";
  write_language_model(path, source("vgg16.caption", context));
  const LanguageModel model = load_language_model(path);
  CHECK(model.cnn_name == "vgg16");
  CHECK(model.preprocessing.input_size == kSide);
  CHECK(model.preprocessing.mean[0] == 0.485f);
  check_golden("vgg16.caption", model, context);
}

TEST_CASE("cnns: their maps are those that the papers' heads read") {
  const Cnn vgg = make_cnn("vgg16");
  CHECK(vgg.network.parameter_count() == 14714688);
  CHECK(vgg.network.shapes({1, 3, 224, 224}).back() == Shape{1, 512, 14, 14});
  // HieCoAttenVQA at 448: VGG's pool5 and ResNet's last map have the same 14×14 positions.
  for (const char* name : {"vgg19", "resnet152"}) {
    const Cnn cnn = make_cnn(name);
    const Shape map = cnn.network.shapes({1, 3, 448, 448}).back();
    const Network head = coattention_head({.channels = map[1],
                                           .pool = cnn.pools,
                                           .words = 12606,
                                           .answers = 1000,
                                           .size = 512,
                                           .coordinates = false});
    const Given given[] = {{0, {DType::f32, map}}, {1, {DType::i32, {1, 26}}}};
    CHECK(head.types(given, DType::f32)[at(head.find("levels.2.image"))]->shape == Shape{1, 196, 1});
  }
  CHECK_THROWS_WITH_AS(make_cnn("resnet_50"), doctest::Contains("did you mean \"resnet50\""), Error);
  CHECK_THROWS_WITH_AS(make_cnn("easy_vqa"), doctest::Contains("expected some, of 1 to 512"), Error);
  CHECK_THROWS_WITH_AS(make_cnn("backlight_scenes", std::vector<std::int64_t>{513}), doctest::Contains("513"),
                       Error);
}
