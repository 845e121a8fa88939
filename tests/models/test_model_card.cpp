#include <doctest/doctest.h>

#include <algorithm>

#include "models/model_card.hpp"
#include "models/registry.hpp"

using namespace backlight;

namespace {

using Values = std::map<std::string, std::string>;

ModelCard card(const Values& values, const CardOptions& options = {}, std::int64_t classes = 1000,
               const PublishedWeights* published = nullptr) {
  return make_card(model_info("resnet18"), classes, Metadata("net.safetensors", values), published, options);
}

ModelCard card_with(std::string_view part, std::string_view text) {
  PreprocessingParts parts;
  set_part(parts, part, text, {ErrorKind::usage, "--option"});
  return card({}, {.parts = {parts}});
}

/// Refused as bad input, naming the file, `key` and `why`.
void check_refused(const std::string& key, const std::string& value, const std::string& why) {
  CAPTURE(key);
  CAPTURE(value);
  try {
    card({{"backlight." + key, value}}, {}, 3);
    FAIL("accepted");
  } catch (const Error& error) {
    const std::string message = error.what();
    CAPTURE(message);
    CHECK(error.kind() == ErrorKind::bad_input);
    CHECK(message.starts_with("net.safetensors: metadata"));
    CHECK(message.find(key) != std::string::npos);
    CHECK(message.find(why) != std::string::npos);
  }
}

}  // namespace

TEST_CASE(
    "model card: without a word the architecture's defaults hold and names are assumed where they fit") {
  const ModelCard own = card({});
  CHECK(own.preprocessing == model_info("resnet18").preprocessing);
  CHECK(own.origins == PreprocessingOrigins{});
  CHECK(own.labels.names[282] == "tiger cat");
  CHECK(own.labels.wordnet_ids[282] == "n02123159");
  CHECK(own.labels_from == LabelsFrom::assumed);
  const ModelCard three = card({}, {}, 3);
  CHECK(three.labels.names == std::vector<std::string>{"class 0", "class 1", "class 2"});
  CHECK(three.labels_from == LabelsFrom::none);
}

TEST_CASE("model card: a published file's names and resize are known") {
  const PublishedWeights* published = find_published("11ad3fa6");
  REQUIRE(published != nullptr);
  const ModelCard known = card({}, {}, 1000, published);
  CHECK(known.labels_from == LabelsFrom::published);
  CHECK(known.preprocessing.resize_size == 232);
  CHECK(known.origins.resize_size == Origin::published);
  CHECK(card({}, {}, 3, published).labels_from == LabelsFrom::none);
}

TEST_CASE("model card: what is written is read back, and only what is no default is written") {
  CHECK(metadata_of("resnet18", card({})) == Values{{"backlight.architecture", "resnet18"}});
  PreprocessingParts parts;
  const Place place{ErrorKind::usage, "--option"};
  for (const auto& [part, text] : {std::pair{"mean", "0.5, 0.25 ,0.125"},
                                   {"std", "[0.1,0.2,0.3]"},
                                   {"input_size", "192"},
                                   {"resize_size", "200"},
                                   {"interpolation", "bicubic"},
                                   {"channel_order", "BGR"}})
    set_part(parts, part, text, place);
  const ModelCard said = card({}, {.label_set = LabelSet::imagenet, .parts = {parts}});
  CHECK(said.labels_from == LabelsFrom::option);
  CHECK(said.preprocessing.mean == std::array{0.5f, 0.25f, 0.125f, 0.0f});
  CHECK(said.preprocessing.std == std::array{0.1f, 0.2f, 0.3f, 1.0f});
  CHECK(said.preprocessing.interpolation == Filter::bicubic);
  CHECK(said.origins.divisor == Origin::derived);

  const Values written = metadata_of("resnet18", said);
  CHECK(written.at("backlight.std") == "[0.1,0.2,0.3]");
  const ModelCard read = card(written);
  CHECK(read.labels == said.labels);
  CHECK(read.labels_from == LabelsFrom::metadata);
  CHECK(read.preprocessing == said.preprocessing);
  CHECK(read.origins.mean == Origin::metadata);
  CHECK(Metadata("net.safetensors", written).architecture() == "resnet18");
}

TEST_CASE("model card: the caller's word comes before the file's, and the file's before what is published") {
  const Values values = {{"backlight.resize_size", "300"},
                         {"backlight.interpolation", "bicubic"},
                         {"backlight.labels", R"(["a", "b", "c"])"}};
  PreprocessingParts parts;
  parts.resize_size = 400;
  const ModelCard said = card(values, {.parts = {parts}}, 3, find_published("11ad3fa6"));
  CHECK(said.preprocessing.resize_size == 400);
  CHECK(said.origins.resize_size == Origin::option);
  CHECK(said.preprocessing.interpolation == Filter::bicubic);
  CHECK(said.origins.interpolation == Origin::metadata);
  CHECK(said.labels.names[1] == "b");
  const Preprocessing caffe = Preprocessing::caffe(227, 256);
  const ModelCard whole = card(values, {.preprocessing = caffe}, 3);
  CHECK(whole.preprocessing == caffe);
  CHECK(whole.origins.channel_order == Origin::option);
}

TEST_CASE("model card: numbers above 1 are of samples of 0 to 255") {
  PreprocessingParts parts;
  const Place place{ErrorKind::usage, "--option"};
  set_part(parts, "mean", "123.675,116.28,103.53", place);
  CHECK_THROWS_WITH_AS(card({}, {.parts = {parts}}), doctest::Contains("expected both mean and std"), Error);
  set_part(parts, "std", "58.395,57.12,57.375", place);
  CHECK(card({}, {.parts = {parts}}).preprocessing.divisor == 1);
  CHECK(card_with("mean", "0.5,0.5,0.5").preprocessing.divisor == 255);
  CHECK(card_with("std", "1,1,1").preprocessing.divisor == 255);
}

TEST_CASE("model card: a divisor alone does not change what mean and std are of") {
  CHECK_THROWS_WITH_AS(card({{"backlight.divisor", "1"}}), doctest::Contains("expected both mean and std"),
                       Error);
  CHECK(card({{"backlight.divisor", "255"}}).preprocessing.divisor == 255);
  const ModelCard whole =
      card({{"backlight.divisor", "1"}, {"backlight.mean", "0,0,0"}, {"backlight.std", "1,1,1"}});
  CHECK(whole.preprocessing.divisor == 1);
}

TEST_CASE("model card: of other channels than 1, 3 and 4 there is no mean and std") {
  for (const int channels : {0, 2, 5, 64}) {
    CAPTURE(channels);
    ModelInfo info = model_info("resnet18");
    info.preprocessing.channels = channels;
    const Values nothing;
    const Metadata metadata("net.safetensors", nothing);
    PreprocessingParts parts;
    parts.mean.assign(static_cast<std::size_t>(std::max(channels, 1)), 0.5f);
    CHECK_THROWS_WITH_AS(make_card(info, 3, metadata, nullptr, {.parts = {parts}}),
                         doctest::Contains("only networks of 1, 3 or 4 channels"), Error);
    CHECK(make_card(info, 3, metadata, nullptr, {.preprocessing = info.preprocessing}).preprocessing ==
          info.preprocessing);
  }
}

TEST_CASE("model card: four means and stds are read back, and of three alpha's follow") {
  ModelInfo info = model_info("resnet18");
  info.preprocessing = with_channels(info.preprocessing, 4);
  const Values nothing;
  const auto card_of = [&](const Values& values, const CardOptions& options) {
    return make_card(info, 3, Metadata("net.safetensors", values), nullptr, options);
  };
  CHECK(card_of({}, {}).preprocessing.mean[3] == 0);
  CHECK(card_of({}, {}).preprocessing.std[3] == 1);

  PreprocessingParts parts;
  parts.mean = {0.5f, 0.25f, 0.125f, 0.375f};
  parts.std = {0.1f, 0.2f, 0.3f, 0.4f};
  const ModelCard said = card_of({}, {.parts = {parts}});
  CHECK(said.preprocessing.mean == std::array{0.5f, 0.25f, 0.125f, 0.375f});
  CHECK(said.origins.std == Origin::option);
  const Values written = metadata_of("resnet18", said);
  CHECK(written.at("backlight.std") == "[0.1,0.2,0.3,0.4]");
  CHECK(card_of(written, {}).preprocessing == said.preprocessing);

  const ModelCard colours = card_of(written, {.preprocessing = Preprocessing::caffe()});
  CHECK(colours.preprocessing == with_channels(Preprocessing::caffe(), 4));
  CHECK(colours.origins.mean == Origin::derived);
  parts.mean = {0.5f, 0.25f};
  CHECK_THROWS_WITH_AS(card_of({}, {.parts = {parts}}), doctest::Contains("one for each of the network's 4"),
                       Error);
}

TEST_CASE("model card: one channel's mean and std are read back to the bit") {
  ModelInfo info = model_info("resnet18");
  info.preprocessing = with_channels(info.preprocessing, 1);
  const Values nothing;
  for (int i = 1; i <= 100; ++i) {
    PreprocessingParts parts;
    parts.mean = parts.std = {static_cast<float>(i) / 97};
    const ModelCard said =
        make_card(info, 3, Metadata("net.safetensors", nothing), nullptr, {.parts = {parts}});
    const Values written = metadata_of("resnet18", said);
    CHECK(make_card(info, 3, Metadata("net.safetensors", written), nullptr, {}).preprocessing ==
          said.preprocessing);
  }
}

TEST_CASE("model card: the caller's word on scores comes before the file's, and that before the default") {
  const Values sigmoid = {{"backlight.scores", "sigmoid"}}, softmax = {{"backlight.scores", "softmax"}};
  CHECK(card({}).scores == ScoreFunction::softmax);
  CHECK_FALSE(card({}).scores_said);
  CHECK(card({}, {}, 1).scores == ScoreFunction::sigmoid);
  CHECK(card(sigmoid).scores == ScoreFunction::sigmoid);
  CHECK(card(sigmoid).scores_said);
  CHECK(card(sigmoid, {.scores = ScoreFunction::softmax}).scores == ScoreFunction::softmax);
  CHECK(card(softmax, {.scores = ScoreFunction::sigmoid}, 1).scores == ScoreFunction::sigmoid);
  CHECK(metadata_of("resnet18", card(sigmoid)).at("backlight.scores") == "sigmoid");
  CHECK_THROWS_WITH_AS(card(softmax, {}, 1), doctest::Contains("net.safetensors: the softmax"), Error);
  check_refused("scores", "argmax", "expected softmax or sigmoid");
}

TEST_CASE("model card: a new input size scales the resize that is not given") {
  const ModelCard larger = card_with("input_size", "299");
  CHECK(larger.preprocessing.input_size == 299);
  CHECK(larger.preprocessing.resize_size == 342);
  CHECK(larger.origins.resize_size == Origin::derived);
}

TEST_CASE("model card: metadata of strangers is refused by file and key") {
  check_refused("mean", "abc", "found 'abc'");
  check_refused("mean", "", "found ''");
  check_refused("mean", "\33[31m\n", "found '?[31m?'");
  check_refused("mean", "0.5,0.5", "found 2 numbers for the mean");
  check_refused("mean", "0.5,nan,0.5", "finite");
  check_refused("mean", "0.5,inf,0.5", "finite");
  check_refused("mean", "0.5,1e99,0.5", "finite");
  check_refused("mean", "0.5,,0.5,0.5", "finite");
  check_refused("mean", "0.5,0.5,0.5,", "finite");
  check_refused("std", "0.5,0,0.5", "above 0");
  check_refused("std", "0.5,-1,0.5", "above 0");
  check_refused("input_size", "0", "found '0'");
  check_refused("input_size", "-5", "from 1 to 16384");
  check_refused("input_size", "1000000000000", "from 1 to 16384");
  check_refused("input_size", "22.4", "whole number");
  check_refused("resize_size", "{}", "whole number");
  check_refused("interpolation", "nearest", "bilinear, bicubic or lanczos");
  check_refused("divisor", "0", "255");
  check_refused("channel_order", "GBR", "RGB or BGR");
  check_refused("labels", R"(["a"])", "has 1 class names, the network has 3 classes");
  check_refused("labels", R"({"a": [[[[]]]]})", "is no index");
  check_refused("labels", std::string(100'000, '['), "begins like JSON");
  CHECK_THROWS_WITH_AS(card({{"backlight.resize_size", "100"}}), doctest::Contains("net.safetensors"), Error);
  const Values wrong = {{"backlight.architecture", "resnet19"}};
  CHECK_THROWS_WITH_AS(
      Metadata("net.safetensors", wrong).architecture(),
      doctest::Contains("net.safetensors: metadata 'backlight.architecture': found 'resnet19'"), Error);
}

TEST_CASE("model card: a key of ours that is not known is not passed over") {
  CHECK_THROWS_WITH_AS(card({{"backlight.resize", "256"}}),
                       doctest::Contains("net.safetensors: metadata 'backlight.resize': not known here"),
                       Error);
}

TEST_CASE("model card: what other programs write is no word to us") {
  const Values values = {{"labels", "7"}, {"mean", "abc"}, {"architecture", "Resnet-18"}};
  CHECK(card(values).labels_from == LabelsFrom::assumed);
  CHECK(Metadata("net.safetensors", values).architecture().empty());
  const Values known = {{"architecture", "resnet18"}};
  CHECK(Metadata("net.safetensors", known).architecture() == "resnet18");
}

TEST_CASE("model card: a set of names of another size is refused") {
  CHECK_THROWS_WITH_AS(card({}, {.label_set = LabelSet::cifar10}), doctest::Contains("'cifar10' are 10"),
                       Error);
}
