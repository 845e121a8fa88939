#include <doctest/doctest.h>

#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/run/run.hpp"
#include "models/language/captions.hpp"
#include "models/language/heads.hpp"
#include "models/language/language_model.hpp"
#include "models/language/questions.hpp"
#include "models/scenes_net.hpp"
#include "support/compare.hpp"
#include "support/fill_network.hpp"
#include "support/temporary_folder.hpp"

using namespace backlight;
using namespace backlight::test;
using namespace backlight::language;

namespace {

constexpr std::int64_t kNarrow = 4, kMapChannels = 16;

LanguageModel filled(LanguageTask task, Network head, const std::string& cnn = "backlight_scenes",
                     const std::vector<std::int64_t>& widths = {kNarrow}, int input_size = 96) {
  Cnn sees = make_cnn(cnn, widths);
  sees.preprocessing.input_size = sees.preprocessing.resize_size = input_size;
  LanguageModel model{
      .task = task,
      .cnn = std::move(sees.network),
      .head = std::move(head),
      .vocabulary = task == LanguageTask::caption ? caption_vocabulary() : question_vocabulary(),
      .preprocessing = sees.preprocessing,
      .cnn_name = cnn,
      .metadata = {{"training.seed", "7"}}};
  Context context({}, 1);
  fill_network(model.cnn, context);
  fill_network(model.head, context);
  return model;
}

std::vector<LanguageModel> models() {
  const auto words = static_cast<std::int64_t>(caption_vocabulary().words().size());
  const auto answers = static_cast<std::int64_t>(question_vocabulary().answers().size());
  const EncoderSizes encoder{.channels = kMapChannels, .layers = {8}};
  std::vector<LanguageModel> all;
  all.push_back(
      filled(LanguageTask::caption,
             caption_head({.encoder = {.channels = kMapChannels, .layers = {12, 8}}, .words = words})));
  all.push_back(filled(LanguageTask::vqa, vqa_head({.encoder = encoder,
                                                    .words = words,
                                                    .answers = answers,
                                                    .word_size = 6,
                                                    .hidden = 5,
                                                    .common = 9,
                                                    .unit_length = true})));
  for (const bool parallel : {false, true})
    all.push_back(filled(LanguageTask::coattention, coattention_head({.channels = kMapChannels,
                                                                      .words = words,
                                                                      .answers = answers,
                                                                      .size = 6,
                                                                      .last = 10,
                                                                      .lstm_layers = parallel ? 2 : 1,
                                                                      .parallel = parallel})));
  all.push_back(filled(LanguageTask::vqa,
                       bag_head({.channels = 6,
                                 .map_side = 12,
                                 .words = words,
                                 .answers = answers,
                                 .longest = question_vocabulary().max_length(),
                                 .size = 5,
                                 .layers = 2}),
                       "easy_vqa", {3, 6}, 24));
  return all;
}

}  // namespace

TEST_CASE("language model: what is written is read with its sizes, its words and its bits") {
  const TemporaryFolder folder;
  for (const LanguageModel& model : models()) {
    const auto path = folder.path() / (std::string(name_of(model.task)) + ".safetensors");
    write_language_model(path, model, {.overwrite = true});
    const LanguageModel read = load_language_model(path);
    CHECK(read.task == model.task);
    REQUIRE(read.head.size() == model.head.size());
    for (NodeId id = 0; id < model.head.size(); ++id) {
      if (!model.head.node(id).layer) continue;
      const auto ours = model.head.node(id).layer->attributes(),
                 theirs = read.head.node(id).layer->attributes();
      REQUIRE(ours.size() == theirs.size());
      for (std::size_t i = 0; i < ours.size(); ++i) CHECK(ours[i].value == theirs[i].value);
    }
    CHECK(read.vocabulary == model.vocabulary);
    CHECK(read.metadata.at("training.seed") == "7");
    CHECK(read.preprocessing == model.preprocessing);
    CHECK(read.cnn_name == model.cnn_name);
    CHECK(read.weights_sha256.size() == 64);
    for (const auto& [ours, theirs] :
         {std::pair{&model.cnn, &read.cnn}, std::pair{&model.head, &read.head}}) {
      const auto written = ours->parameters(), loaded = theirs->parameters();
      REQUIRE(written.size() == loaded.size());
      for (std::size_t i = 0; i < written.size(); ++i) {
        CHECK(written[i].name == loaded[i].name);
        CHECK(same_bits(*written[i].tensor, *loaded[i].tensor));
      }
    }
  }
}

TEST_CASE("language model: other files, other words and damaged tensors are refused by name") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "model.safetensors";
  const auto check_refused = [&](const char* why) {
    CHECK_THROWS_WITH_AS(load_language_model(path), doctest::Contains(why), Error);
  };
  LanguageModel model = std::move(models()[1]);

  const std::string shipped = BACKLIGHT_SOURCE_DIR "/weights/backlight_scenes.safetensors";
  CHECK_THROWS_WITH_AS(
      load_language_model(shipped),
      doctest::Contains("is no captioner or question answerer of backlight's: its metadata names "), Error);

  model.vocabulary = caption_vocabulary();  // without answers
  write_language_model(path, model, {.overwrite = true});
  check_refused("answers");

  model = std::move(models()[1]);
  for (NamedParameter& p : model.head.parameters())
    if (p.name == "q.bias") p.tensor->values()[1] = std::numeric_limits<float>::quiet_NaN();
  write_language_model(path, model, {.overwrite = true});
  check_refused("tensor \"q.bias\"");

  model = std::move(models()[1]);
  model.cnn = scenes_features(2 * kNarrow);  // whose map the head does not read
  write_language_model(path, model, {.overwrite = true});
  check_refused("encoder.layers.0.weight");

  const auto check_metadata = [&](std::size_t which, const char* key, const char* value, const char* why) {
    const LanguageModel whole = std::move(models()[which]);
    write_language_model(path, whole, {.overwrite = true});
    const Checkpoint file = Checkpoint::open(path);
    std::vector<TensorToWrite> tensors;
    for (const StoredTensor& tensor : file.as_stored()) tensors.push_back({tensor.name(), &tensor});
    std::map<std::string, std::string> metadata = file.metadata();
    metadata[key] = value;
    const auto other = folder.path() / "other.safetensors";
    write_safetensors(other, tensors, metadata, {.overwrite = true});
    CHECK_THROWS_WITH_AS(load_language_model(other), doctest::Contains(why), Error);
  };
  check_metadata(1, "cnn", "vgg-16", "of the name \"vgg-16\" (did you mean \"vgg16\"");
  check_metadata(1, "cnn", "vgg16", "cnn.features.0.weight");
  check_metadata(1, "input_size", "0", "'input_size' is 0, expected 1 to 4096");
  check_metadata(1, "input_size", "large", "'input_size' is large");
  check_metadata(4, "input_size", "32", "image.weight");  // whose head reads a map of one size
  check_metadata(4, "cnn", "backlight_scenes", "cnn.");   // of other layers
  model = std::move(models()[4]);
  for (NamedParameter& p : model.head.parameters())
    if (p.name == "embed.weight") *p.tensor = Tensor::zeros({p.tensor->shape()[0], 3});
  write_language_model(path, model, {.overwrite = true});
  check_refused("'embed.weight' of a bag of");

  model = std::move(models()[1]);
  model.cnn = scenes_net(3, kNarrow);
  write_language_model(path, model, {.overwrite = true});
  check_refused("cnn.fc.weight");
}
