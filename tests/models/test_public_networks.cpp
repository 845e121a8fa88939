#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "engine/run/run.hpp"
#include "image/pictures.hpp"
#include "models/language/decoder.hpp"
#include "models/language/head_explanation.hpp"
#include "models/language/public_networks.hpp"
#include "support/compare.hpp"
#include "support/contains.hpp"
#include "support/golden.hpp"
#include "support/public_files.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"

using namespace backlight;
using namespace backlight::test;
using namespace backlight::language;

namespace {

std::int64_t parameters_of(const std::string& network) {
  return shapes_by_network(public_file("keys.txt")).at(network).front().second.front();
}

TensorShapes shapes_of(std::vector<NamedShape> keys, const std::string& where = "file") {
  return {made_of_shapes(keys), where};
}

/// A picture of noise as the network sees it.
Tensor map_of(const LanguageModel& model, Context& context, const std::string& name, int width, int height) {
  const Fitted fitted = preprocess(picture(name, width, height), model.preprocessing, model.fit);
  return Run(model.cnn, context, fitted.x.clone()).output().clone();
}

void check_map(const HeadExplanation& head, const HeadTarget& target, const std::string& name) {
  const Tensor expected = golden("public_networks", name + ".map");
  CHECK(relative_error(head.maps({&target, 1}, {.steps = 1}).front().map, expected) <= 1e-4);
}

void check_captioner(const LanguageModel& model, const Tensor& map, Context& context,
                     const std::string& name) {
  CAPTURE(name);
  const std::vector<std::int32_t> tokens{model.vocabulary.special().start, 4, 5, 6, 7};
  const HeadExplanation head(model.head, context, map, tokens);
  CHECK(relative_error(head.scores(), golden("public_networks", name + ".scores")) <= 1e-5);
  check_map(head, {.said = {{2, 6}}}, name);
  CaptionDecoder decoder(model.head, context, model.vocabulary.special(),
                         {.beam = 1, .max_words = model.vocabulary.max_length() - 1});
  const DecodedCaption said = decoder.decode(map).front();
  const Tensor expected = golden("public_networks", name + ".greedy");
  REQUIRE(std::ssize(said.words) == expected.numel());
  for (std::size_t i = 0; i < said.words.size(); ++i)
    CHECK(static_cast<float>(said.words[i]) == expected.values()[i]);
}

}  // namespace

TEST_CASE("public networks: yunjey's tutorial says and shows what PyTorch computes, from its two files") {
  const TemporaryFolder folder;
  Context context({}, 2);
  // DataParallel's wrapper changes nothing.
  const auto encoder = filled_file(folder.path() / "encoder", keys_of("small tutorial.encoder"), "module.");
  const LanguageModel model =
      load_language_model({public_file("decoder.ckpt"), encoder, public_file("vocab.pkl")});
  CHECK(model.task == LanguageTask::caption);
  CHECK(model.cnn_name == "resnet18");
  CHECK(model.fit == Fit::stretch);
  CHECK(model.preprocessing.interpolation == Filter::lanczos);
  CHECK(model.vocabulary.special() == SpecialIds{.pad = 0, .start = 1, .end = 2, .unknown = 3});
  CHECK(model.vocabulary.encode("a red star.") == std::vector<std::int32_t>{4, 5, 6, 8});
  CHECK(model.weights_sha256 == Checkpoint::open(public_file("decoder.ckpt")).sha256());
  CHECK(model.cnn_weights == encoder);
  CHECK(model.cnn_weights_sha256 == Checkpoint::open(encoder).sha256());
  check_captioner(model, map_of(model, context, "public.tutorial", 90, 70), context, "tutorial");
}

TEST_CASE("public networks: show_tell says and shows what PyTorch computes of a picture of any size") {
  const TemporaryFolder folder;
  Context context({}, 2);
  std::vector<NamedShape> keys = keys_of("small show_tell.cnn");  // with classes, which are not asked for
  const auto cnn = filled_file(folder.path() / "resnet50", keys);
  for (const char* infos : {"infos.pkl", "infos_protocol0.pkl"}) {
    const LanguageModel model = load_language_model({public_file("show_tell.pth"), cnn, public_file(infos)});
    CHECK(model.cnn_name == "resnet50");
    CHECK(model.fit == Fit::none);
    CHECK(model.vocabulary.special() == SpecialIds{.pad = 0, .start = 0, .end = 0, .unknown = 7});
    CHECK(model.vocabulary.decode(std::vector<std::int32_t>{1, 2, 3, 0, 1}) == "a red star");
    if (infos != std::string("infos.pkl")) continue;
    check_captioner(model, map_of(model, context, "public.show_tell", 101, 85), context, "show_tell");
  }
}

TEST_CASE("public networks: basic_vqa says and shows what PyTorch computes, its length detached") {
  const TemporaryFolder folder;
  Context context({}, 2);
  const LanguageModel model =
      load_language_model({.weights = filled_file(folder.path() / "model", keys_of("small basic_vqa")),
                           .vocabulary = public_file("vocab_questions.txt"),
                           .answers = public_file("vocab_answers.txt")});
  CHECK(model.task == LanguageTask::vqa);
  CHECK(model.cnn_name == "vgg11");
  CHECK(model.vocabulary.answers() == std::vector<std::string>{"<unk>", "yes", "no", "red"});
  CHECK(model.vocabulary.special().unknown == 1);
  std::vector<std::int32_t> tokens = model.vocabulary.encode("What is a red star?");
  CHECK(tokens == std::vector<std::int32_t>{8, 5, 4, 6, 7, 3});
  tokens.resize(static_cast<std::size_t>(model.vocabulary.max_length()));
  const HeadExplanation head(model.head, context, map_of(model, context, "public.basic_vqa", 60, 80), tokens);
  Tensor expected = golden("public_networks", "basic_vqa.scores");
  CHECK(relative_error(head.scores(), std::move(expected).reshaped({1, 4})) <= 1e-5);
  check_map(head, {.said = {{0, 2}}}, "basic_vqa");
}

TEST_CASE("public networks: at their sources' sizes every tensor has its place and every parameter counts") {
  const std::pair<const char*, const char*> sources[] = {
      {"tutorial.decoder", "tutorial.encoder"}, {"show_tell", "show_tell.cnn"}, {"basic_vqa", ""}};
  for (const auto& [weights, cnn] : sources) {
    CAPTURE(weights);
    const std::string in_cnn_file = cnn;
    const TensorShapes files[] = {shapes_of(keys_of(weights)),
                                  shapes_of(in_cnn_file.empty() ? std::vector<NamedShape>() : keys_of(cnn))};
    const auto network = recognise_public(files[0], in_cnn_file.empty() ? nullptr : &files[1]);
    REQUIRE(network);
    std::set<std::string> placed[2];
    for (const PublicNetwork::Place& place : network->places) {
      const Network& of = place.of_head ? network->head : network->cnn;
      const auto parameters = of.parameters();
      const auto parameter = std::ranges::find(parameters, place.parameter, &ConstNamedParameter::name);
      REQUIRE(parameter != parameters.end());
      const StoredTensor* tensor = files[place.in_cnn_file ? 1 : 0].find(place.key);
      CAPTURE(place.key);
      REQUIRE(tensor);
      CHECK(std::ranges::equal(tensor->shape(), parameter->tensor->shape().extents()));
      CHECK(placed[place.in_cnn_file ? 1 : 0].insert(place.key).second);
    }
    std::int64_t left = 0;
    for (int i = 0; i < 2; ++i)
      for (const StoredTensor& tensor : files[i].tensors()) {
        if (tensor.name().ends_with("num_batches_tracked") || placed[i].contains(tensor.name())) continue;
        CHECK(tensor.name().starts_with("fc."));  // the classes of a CNN of its own file
        std::int64_t size = 1;
        for (const std::int64_t extent : tensor.shape()) size *= extent;
        left += size;
      }
    const std::int64_t expected =
        parameters_of(weights) + (in_cnn_file.empty() ? 0 : parameters_of(cnn)) - left;
    CHECK(network->cnn.parameter_count() + network->head.parameter_count() == expected);
    CHECK(left == (in_cnn_file == "show_tell.cnn" ? 2048 * 1000 + 1000 : 0));
  }
}

TEST_CASE("public networks: files that are missing, one too many, or of relatives are refused by name") {
  const TemporaryFolder folder;
  const auto refused = [&](const LanguageFiles& files) {
    return refusal([&] { load_language_model(files); });
  };
  const auto decoder = public_file("decoder.ckpt"), show_tell = public_file("show_tell.pth");
  const auto vocabulary = public_file("vocab.pkl");
  const auto cnn = folder.path() / "cnn";
  filled_file(cnn, keys_of("small tutorial.encoder"));
  CHECK(contains(refused({public_file("fc.pth")}), "its fc model, whose LSTM has five gates"));
  CHECK(contains(refused({decoder}),
                 "decoder.ckpt: is the decoder of yunjey's image captioning tutorial; name its "));
  CHECK(contains(refused({cnn, decoder}), "cnn: is the encoder of yunjey's"));
  CHECK(contains(refused({show_tell}),
                 "show_tell.pth: is show_tell of ImageCaptioning.pytorch, which has no CNN"));
  CHECK(contains(refused({decoder, cnn}), "which carries no words; name their file with --vocabulary"));
  CHECK(contains(refused({decoder, cnn, vocabulary, vocabulary}), "leave --answer-names out"));
  CHECK(contains(refused({decoder, cnn, public_file("infos.pkl")}),
                 "infos.pkl: has 8 words, the network of " + decoder.string() + " has 9"));
  std::ofstream(folder.path() / "words") << "a\nb\nc\nd\ne\nf\ng\nh\ni\n";
  CHECK(contains(refused({decoder, cnn, folder.path() / "words"}),
                 "words: has no word \"<pad>\", which yunjey's"));
  CHECK(contains(refused({show_tell, cnn, public_file("infos.pkl")}), "cnn: has no ResNet at layer1."));
  const std::string own = BACKLIGHT_SOURCE_DIR "/weights/backlight_captioner.safetensors";
  CHECK(contains(refused({.weights = own, .vocabulary = vocabulary}), "leave --vocabulary out"));
  CHECK(contains(refused({BACKLIGHT_SOURCE_DIR "/weights/backlight_scenes.safetensors"}),
                 "is no captioner or question answerer"));

  const auto refused_keys = [&](const std::string& network, const auto& change,
                                const TensorShapes* beside = nullptr) {
    std::vector<NamedShape> keys = keys_of(network);
    change(keys);
    return refusal([&] { recognise_public(shapes_of(keys), beside); });
  };
  const auto set = [](std::vector<NamedShape>& keys, const std::string& name,
                      std::vector<std::int64_t> shape) {
    const auto found = std::ranges::find(keys, name, &NamedShape::first);
    REQUIRE(found != keys.end());
    found->second = std::move(shape);
  };
  CHECK(contains(refused_keys("show_tell",
                              [&](auto& keys) {
                                set(keys, "core.weight_hh_l0", {1536, 512});
                              }),
                 "its recurrent layer has 3 gates of 512, expected an LSTM's 4"));
  CHECK(contains(refused_keys("show_tell",
                              [&](auto& keys) {
                                keys.push_back({"ctx2att.weight", {5, 5}});
                              }),
                 "attends to places"));
  CHECK(contains(refused_keys("basic_vqa",
                              [&](auto& keys) {
                                std::erase_if(keys, [](const NamedShape& key) {
                                  return key.first == "img_encoder.model.features.0.weight";
                                });
                              }),
                 "has 15 convolutions at img_encoder.model.features., expected a VGG's 8, 10, 13 or 16"));
  const TensorShapes beside = shapes_of({});
  CHECK(contains(refused_keys(
                     "basic_vqa", [](auto&) {}, &beside),
                 "leave --cnn out"));

  // A tensor that the network would not use, and one of another size.
  std::vector<NamedShape> keys = keys_of("small tutorial.encoder");
  keys.push_back({"extra.weight", {2, 2}});
  filled_file(folder.path() / "extra", keys);
  CHECK(contains(refused({decoder, folder.path() / "extra", vocabulary}), "extra.weight"));
  set(keys, "linear.weight", {5, 512});
  filled_file(folder.path() / "other", keys);
  CHECK(contains(refused({decoder, folder.path() / "other", vocabulary}), "linear.weight"));
}
