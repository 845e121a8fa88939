// `caption` and `ask` over the papers' CNNs, and of networks of other people, whose parts lie in several files.
#include "models/language/captions.hpp"
#include "models/language/cnns.hpp"
#include "models/language/heads.hpp"
#include "models/language/public_networks.hpp"
#include "models/language/questions.hpp"
#include "support/fill_network.hpp"
#include "support/public_files.hpp"
#include "tools/language_program.hpp"

using namespace backlight;
using namespace backlight::language;
using namespace backlight::test;

namespace {

/// Pictures of 64×64 behind a CNN of torchvision's.
std::string behind(const Workspace& work, const std::string& cnn_name) {
  constexpr int kSide = 64;
  Cnn cnn = make_cnn(cnn_name);
  cnn.preprocessing.input_size = cnn.preprocessing.resize_size = kSide;
  const bool says = !cnn.pools;
  EncoderSizes encoder{.channels = says ? 2048 : 512, .pool = cnn.pools, .layers = {5}, .batch_norm = false};
  encoder.grids = says ? std::vector<std::int64_t>{1} : std::vector<std::int64_t>();
  encoder.map_side = says ? 0 : kSide / 16;
  Vocabulary vocabulary = says ? caption_vocabulary() : question_vocabulary();
  const std::int64_t words = std::ssize(vocabulary.words()), answers = std::ssize(vocabulary.answers());
  LanguageModel model{
      .task = says ? LanguageTask::caption : LanguageTask::vqa,
      .cnn = std::move(cnn.network),
      .head = says ? caption_head({.encoder = encoder, .words = words})
                   : vqa_head({.encoder = encoder, .words = words, .answers = answers, .unit_length = true}),
      .vocabulary = std::move(vocabulary),
      .preprocessing = cnn.preprocessing,
      .cnn_name = cnn_name};
  Context context;
  fill_network(model.cnn, context);
  fill_network(model.head, context);
  const std::string path = work.str(cnn_name + ".safetensors");
  write_language_model(path, model);
  return path;
}

}  // namespace

TEST_CASE("ask: a question about a picture behind VGG-16, and where the answer is from") {
  const Workspace work;
  const std::string picture = work.picture("a.png", 90, 70), weights = behind(work, "vgg16");
  const Json json = work.run_json({"ask", picture, kQuestion, "--weights", weights, "--answer", "yellow",
                                   "--format", "npy,panel", "-o", work.str("out")});
  Library library(weights, picture);
  std::vector<std::int32_t> tokens = library.model.vocabulary.encode(kQuestion);
  tokens.resize(8);
  const HeadExplanation head = library.head(tokens);
  const Json& map = json["images"][0]["maps"][0];
  const HeadTarget target{.said = {{0, map["index"].get<std::int64_t>()}}};
  CHECK(map["layer"] == "features.29");
  CHECK(map["target_value"].get<double>() == head.value(target));
  CHECK(npy_of(map).values == floats_of(head.maps({&target, 1}).front().map));
  CHECK(npy_of(map).shape == std::vector<int>{4, 4});
  CHECK(fs::exists(json["images"][0]["files"]["panel"].get<std::string>()));
  CHECK(json["model"]["cnn_weights"].is_null());
}

TEST_CASE("caption: a word behind ResNet-50, at the outputs of all residual blocks") {
  const Workspace work;
  const std::string picture = work.picture("a.png", 90, 70), weights = behind(work, "resnet50");
  const Json json = work.run_json({"caption", picture, "--weights", weights, "--text", kSaid, "--word",
                                   "star", "--layer", "all", "--format", "npy,panel", "-o", work.str("out")});
  Library library(weights, picture);
  std::vector<std::int32_t> tokens = library.model.vocabulary.encode(kSaid);
  tokens.insert(tokens.begin(), library.model.vocabulary.special().start);
  const HeadExplanation head = library.head(tokens);
  const HeadTarget target{.said = {{2, tokens[3]}}};
  const Json& maps = json["images"][0]["maps"];
  REQUIRE(maps.size() == 16);
  CHECK(maps[0]["layer"] == "layer1.0.relu_2");
  CHECK(npy_of(maps[0]).shape == std::vector<int>{16, 16});
  CHECK(maps[15]["layer"] == "layer4.2.relu_2");
  CHECK(npy_of(maps[15]).values == floats_of(head.maps({&target, 1}).front().map));
}

TEST_CASE("caption: a captioner in two files with its words in a third, all of which are named and kept") {
  const Workspace work;
  const std::string picture = work.picture("a.png", 90, 70), weights = public_file("decoder.ckpt"),
                    vocabulary = public_file("vocab.pkl"),
                    cnn = filled_file(work / "encoder", keys_of("small tutorial.encoder"));
  const std::vector<std::string> arguments{"caption",  picture,       "--weights",    weights,
                                           "--cnn",    cnn,           "--vocabulary", vocabulary,
                                           "--text",   "a red star.", "--word",       "star",
                                           "--format", "npy,json",    "-o",           work.str("out")};
  const Json json = work.run_json(arguments);
  const LanguageModel model = load_language_model({weights, cnn, vocabulary});
  CHECK(json["model"]["weights_sha256"] == model.weights_sha256);
  CHECK(json["model"]["cnn_weights"] == cnn);
  CHECK(json["model"]["cnn_weights_sha256"] == model.cnn_weights_sha256);
  CHECK(json["preprocessing"]["interpolation"] == "lanczos");
  CHECK(json["preprocessing"]["fit"] == "stretch");
  CHECK(json["images"][0]["caption"] == "a red star .");
  Context context;
  const Fitted fitted = preprocess(read_image(picture), model.preprocessing, Fit::stretch);
  const Tensor map = Run(model.cnn, context, fitted.x.clone()).output().clone();
  const HeadExplanation head(model.head, context, map, std::vector<std::int32_t>{1, 4, 5, 6, 8});
  const HeadTarget target{.said = {{2, 6}}};
  CHECK(npy_of(json["images"][0]["maps"][0]).values == floats_of(head.maps({&target, 1}).front().map));

  std::vector<std::string> cropped = arguments;
  cropped.insert(cropped.end(), {"--fit", "crop"});
  CHECK(npy_of(work.run_json(cropped)["images"][0]["maps"][0]).values !=
        npy_of(json["images"][0]["maps"][0]).values);
  cropped.back() = "none";
  check_refused(work, cropped, 2, "needs pictures of one size");
  check_refused(work, {"caption", picture, "--weights", weights, "--cnn", cnn}, 2,
                "name their file with --vocabulary");
  check_refused(work, {"caption", picture, "--vocabulary", vocabulary}, 2, "--weights");
  // Another CNN under the same name is not the run that is to go on.
  std::vector<NamedShape> other = keys_of("small tutorial.encoder");
  fs::remove(cnn);
  filled_file(cnn, other, "module.");
  std::vector<std::string> again = arguments;
  again.emplace_back("--skip-existing");
  check_refused(work, again, 2, "model/cnn_weights_sha256");
}

TEST_CASE("caption: show_tell sees a picture at its own size, and its maps lie over the whole of it") {
  const Workspace work;
  const std::string picture = work.picture("a.png", 101, 85), weights = public_file("show_tell.pth"),
                    cnn = filled_file(work / "resnet50", keys_of("small show_tell.cnn"));
  const Json json = work.run_json({"caption", picture, "--weights", weights, "--cnn", cnn, "--vocabulary",
                                   public_file("infos.pkl"), "--text", "a red star", "--word", "star",
                                   "--format", "npy,overlay,panel", "--guided", "-o", work.str("out")});
  CHECK(json["preprocessing"]["fit"] == "none");
  const Json& map = json["images"][0]["maps"][0];
  CHECK(npy_of(map).shape == std::vector<int>{3, 4});
  CHECK(read_npy(map["files"]["guided_npy"].get<std::string>()).shape == std::vector<int>{3, 85, 101});
  CHECK(overlay_image(map).width == 101);
  CHECK(overlay_image(map).height == 85);
}

TEST_CASE("ask: basic_vqa reads a question's marks, and its answers from a file") {
  const Workspace work;
  const std::string picture = work.picture("a.png", 60, 80),
                    weights = filled_file(work / "model", keys_of("small basic_vqa"));
  const std::vector<std::string> arguments{"ask",
                                           picture,
                                           "What is a red star?",
                                           "--weights",
                                           weights,
                                           "--vocabulary",
                                           public_file("vocab_questions.txt"),
                                           "--answer-names",
                                           public_file("vocab_answers.txt"),
                                           "--top-k",
                                           "4"};
  const Json json = work.run_json(arguments);
  CHECK(json["question"] == "what is a red star ?");
  CHECK(json["preprocessing"]["fit"] == "stretch");
  std::vector<std::string> named;
  for (const Json& answer : json["images"][0]["answers"]) named.push_back(answer["name"]);
  std::ranges::sort(named);
  CHECK(named == std::vector<std::string>{"<unk>", "no", "red", "yes"});
}
