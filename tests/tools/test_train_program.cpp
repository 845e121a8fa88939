#include <doctest/doctest.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "engine/image/image.hpp"
#include "engine/image/write.hpp"
#include "models/language/captions.hpp"
#include "models/language/language_model.hpp"
#include "models/language/questions.hpp"
#include "models/scenes/scene.hpp"
#include "support/compare.hpp"
#include "support/process.hpp"
#include "tools/program.hpp"
#include "weights/checkpoint.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

std::vector<std::string> train(const std::string& out, std::vector<std::string> more = {},
                               const std::string& steps = "8") {
  std::vector<std::string> arguments{"train",    "--out", out,      "--steps", steps,        "--batch", "2",
                                     "--scenes", "20",    "--seed", "3",       "--evaluate", "0"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

struct Interrupted {
  int kills = 0;
  bool went_on = false;  ///< after a step that an earlier run had done
};

/// Kills a run of `train` that resumes again and again, later every time, until its result is there: one may be killed
/// between that and its end.
Interrupted train_interrupted(const std::vector<std::string>& arguments) {
  const fs::path result_file = *std::next(std::ranges::find(arguments, "--out"));
  Interrupted run;
  for (double seconds = 0.1; seconds < 100; seconds *= 1.3) {
    std::vector<std::string> command{"/usr/bin/timeout", "-s", "KILL", std::to_string(seconds),
                                     BACKLIGHT_PROGRAM};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const ProcessResult result = run_process(command);
    run.went_on = run.went_on || contains(result.err, "going on after step");
    if (result.exit_code == 0) break;
    REQUIRE(result.exit_code == 137);
    ++run.kills;
    if (fs::exists(result_file)) break;
  }
  return run;
}

}  // namespace

TEST_CASE("train program: the same options write the same file on any number of threads") {
  const Workspace work;
  CHECK(work.run(train(work.str("one"), {"--threads", "1"})).exit_code == 0);
  CHECK(work.run(train(work.str("two"), {"--threads", "2"})).exit_code == 0);
  CHECK(read_text(work / "one").size() > 900'000);
  CHECK(read_text(work / "one") == read_text(work / "two"));
  CHECK(work.run(train(work.str("other"), {"--lr", "0.2"})).exit_code == 0);
  CHECK(read_text(work / "one") != read_text(work / "other"));
  CHECK_FALSE(fs::exists(work / "one.checkpoint.safetensors"));
}

TEST_CASE("train program: killed again and again it resumes to the same file") {
  const Workspace work;
  // Enough steps that even a fast machine is interrupted.
  const std::string steps = "24";
  REQUIRE(work.run(train(work.str("whole"), {}, steps)).exit_code == 0);

  const Interrupted run =
      train_interrupted(train(work.str("killed"), {"--resume", "--checkpoint-every", "1"}, steps));
  CHECK(run.kills >= 1);
  CHECK(run.went_on);
  CHECK(read_text(work / "killed") == read_text(work / "whole"));
}

TEST_CASE("train program: neither a result nor an unfinished run is overwritten unasked") {
  const Workspace work;
  work.file("there", "precious");
  const ProcessResult there = work.run(train(work.str("there")));
  CHECK(there.exit_code == 2);
  CHECK(contains(there.err, "--force"));
  CHECK(read_text(work / "there") == "precious");

  work.file("checkpoint", "precious");
  const ProcessResult unfinished = work.run(train(work.str("new"), {"--checkpoint", work.str("checkpoint")}));
  CHECK(unfinished.exit_code == 2);
  CHECK(contains(unfinished.err, "--resume"));
  CHECK(read_text(work / "checkpoint") == "precious");
  CHECK_FALSE(fs::exists(work / "new"));
  const ProcessResult damaged =
      work.run(train(work.str("new"), {"--checkpoint", work.str("checkpoint"), "--resume"}));
  CHECK(damaged.exit_code == 3);
  CHECK(work.run(train(work.str("new"),
                       {"--checkpoint", work.str("missing/folder/file"), "--checkpoint-every", "1"}))
            .exit_code == 5);
}

TEST_CASE("train program: what cannot be written is told before the training") {
  const Workspace work;
  fs::create_directory(work / "folder");
  fs::create_symlink("loop", work / "loop");
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
  REQUIRE(terminal >= 0);
  REQUIRE(grantpt(terminal) == 0);
  REQUIRE(unlockpt(terminal) == 0);
  struct Case {
    std::vector<std::string> arguments;
    int exit_code;
    std::string named;
    std::string stdout_path = "";
  };
  const std::string out = work.str("out");
  const std::vector<Case> cases = {
      {{"--out", work.str("folder"), "--force"}, 5, work.str("folder")},
      {{"--out", work.str("missing/x")}, 5, work.str("missing/x")},
      {{"--out", work.str("loop")}, 5, work.str("loop")},
      {{"--out", "-"}, 2, "terminal", ptsname(terminal)},
      {{"--out", out, "--checkpoint", work.str("missing/x")}, 5, work.str("missing/x")},
      {{"--out", out, "--checkpoint", work.str("loop")}, 5, work.str("loop")},
      {{"--out", out, "--checkpoint", work.str("loop"), "--resume"}, 5, work.str("loop")},
      {{"--out", out, "--checkpoint", work.str("folder"), "--force"}, 5, work.str("folder")},
      {{"--out", out, "--dtype", "f61"}, 2, "f16"},
      {{"--out", out, "--checkpoint", "/dev/null", "--force"}, 2, "name a file with --checkpoint"},
  };
  for (const Case& c : cases) {
    std::vector<std::string> arguments{"train", "--steps", "1000000"};
    arguments.insert(arguments.end(), c.arguments.begin(), c.arguments.end());
    const ProcessResult result = work.run(arguments, {.stdout_path = c.stdout_path});
    CAPTURE(arguments);
    CAPTURE(result.err);
    CHECK(result.exit_code == c.exit_code);
    CHECK(contains(result.err, c.named));
    CHECK_FALSE(contains(result.err, "step"));
  }
  close(terminal);
  CHECK(work.names_in("") == std::vector<std::string>{"folder", "loop"});
  CHECK(fs::is_character_file("/dev/null"));
}

TEST_CASE("train program: measures on scenes of another seed and says so in the file") {
  const Workspace work;
  const ProcessResult result = work.run({"train", "--out", work.str("net"), "--steps", "2", "--batch", "2",
                                         "--evaluate", "20", "--dtype", "f16"});
  CHECK(result.exit_code == 0);
  CHECK(contains(result.out, "accuracy"));
  CHECK(contains(result.out, "pointing.grad_cam"));
  CHECK(contains(read_text(work / "net"), "\"evaluation.seed\":\"2\""));
  const auto written = Checkpoint::open(work / "net");
  for (const StoredTensor& tensor : written.tensors())
    if (tensor.name().ends_with("weight")) CHECK(tensor.dtype() == StoredType::f16);
  CHECK(work.run_json({"inspect", work.str("net"), "--json"}).dump().find("backlight_scenes") !=
        std::string::npos);
}

TEST_CASE("train program: tags begin with the network that ships and resume to the same file") {
  const Workspace work;
  REQUIRE(work.run(train(work.str("whole"), {"--task", "tags"})).exit_code == 0);
  const Interrupted run =
      train_interrupted(train(work.str("killed"), {"--task", "tags", "--resume", "--checkpoint-every", "1"}));
  CHECK(run.kills >= 1);
  CHECK(read_text(work / "killed") == read_text(work / "whole"));
  CHECK(contains(read_text(work / "whole"), "\"task\":\"tags\""));
  const Json layers = work.run_json({"layers", "--weights", work.str("whole"), "--json"});
  CHECK(layers.dump().find("\"fc\"") != std::string::npos);

  const ProcessResult other =
      work.run(train(work.str("other"), {"--task", "tags", "--start", work.str("whole")}));
  CHECK(other.exit_code == 3);
  CHECK(contains(other.err, "fc.weight"));
  CHECK(contains(work.run(train(work.str("no"), {"--start", work.str("whole")})).err,
                 "--start is of --task tags"));
  CHECK(contains(work.run(train(work.str("no"), {"--task", "tag"})).err, "did you mean \"tags\""));
}

TEST_CASE(
    "train program: a captioner resumes to the same file, and a question answerer begins with its CNN") {
  const Workspace work;
  const std::vector<std::string> caption{"--task", "caption"};
  REQUIRE(work.run(train(work.str("captioner"), caption)).exit_code == 0);
  const Interrupted run = train_interrupted(
      train(work.str("killed"), {"--task", "caption", "--resume", "--checkpoint-every", "1"}));
  CHECK(read_text(work / "killed") == read_text(work / "captioner"));
  CHECK(run.kills >= 1);

  REQUIRE(work.run({"train", "--out", work.str("whole"), "--steps", "3", "--batch", "2", "--scenes", "20",
                    "--evaluate", "6", "--task", "caption", "--end-to-end", "--start", work.str("captioner")})
              .exit_code == 0);
  const ProcessResult vqa =
      work.run({"train", "--out", work.str("vqa"), "--steps", "3", "--batch", "2", "--scenes", "300",
                "--evaluate", "24", "--task", "vqa", "--start", work.str("whole")});
  REQUIRE(vqa.exit_code == 0);
  for (const char* measured : {"accuracy ", "accuracy.blind ", "accuracy.colour "})
    CHECK(contains(vqa.out, measured));

  const auto captioner = language::load_language_model(work / "captioner"),
             whole = language::load_language_model(work / "whole"),
             answerer = language::load_language_model(work / "vqa");
  CHECK(answerer.task == language::LanguageTask::vqa);
  CHECK(answerer.metadata.at("training.start") == whole.weights_sha256);
  CHECK(answerer.metadata.contains("evaluation.accuracy.blind"));
  for (const char* measured :
       {"true_captions", "pointing.region", "pointing.region.local", "pointing.region.other",
        "inside_outside.guided_backprop", "inside_outside.grad_cam.local", "inside_outside.guided_grad_cam"})
    CHECK(whole.metadata.contains(std::string("evaluation.") + measured));
  const auto first = captioner.cnn.parameters(), trained = whole.cnn.parameters(),
             kept = answerer.cnn.parameters();
  CHECK(same_bits(*trained.front().tensor, *kept.front().tensor));
  CHECK_FALSE(same_bits(*trained.front().tensor, *first.front().tensor));

  CHECK(contains(work.run(train(work.str("no"), {"--task", "vqa", "--end-to-end"})).err,
                 "--end-to-end is of --task caption"));
}

TEST_CASE(
    "train program: questions about pictures of one's own are learned from a folder, and asked again as a "
    "set") {
  const Workspace work;
  const auto add_part = [&](const std::string& part, int pictures) {
    Json questions = Json::array();
    for (int i = 0; i < pictures; ++i) {
      Image image(32, 32, 235);
      const bool red = i % 2 == 0;
      const int side = 8 + i % 5, x0 = 3 + 5 * i % 17, y0 = 2 + 7 * i % 19;
      for (int y = y0; y < y0 + side; ++y)
        for (int x = x0; x < x0 + side; ++x)
          image.at(x, y)[red ? 1 : 0] = 20, image.at(x, y)[red ? 2 : 1] = 30;
      fs::create_directories(work / ("data/" + part + "/images"));
      write_png(work / ("data/" + part + "/images/" + std::to_string(i) + ".png"), image);
      questions.push_back({"What color is the square?", red ? "red" : "blue", i});
      questions.push_back({"is the square red", red ? "yes" : "no", i});
      questions.push_back({"is the square not red", red ? "no" : "yes", i});
    }
    work.file("data/" + part + "/questions.json", questions.dump());
  };
  add_part("train", 20), add_part("test", 10);
  const auto train_on = [&](const std::string& data, std::vector<std::string> more,
                            const char* task = "vqa") {
    std::vector<std::string> arguments{"train", "--out", work.str("own"), "--task", task, "--data", data};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return work.run(arguments);
  };
  const ProcessResult run =
      train_on(work.str("data"), {"--input-size", "32", "--steps", "60", "--batch", "4", "--seed", "2"});
  CAPTURE(run.err);
  REQUIRE(run.exit_code == 0);
  CHECK(contains(run.err, "30 questions about 10 pictures of "));
  const auto model = language::load_language_model(work / "own");
  CHECK(model.preprocessing.input_size == 32);
  CHECK(model.vocabulary.answers() == std::vector<std::string>{"red", "yes", "no", "blue"});
  CHECK(model.metadata.at("data.questions") == "60");
  CHECK(model.metadata.at("data.questions_sha256").size() == 64);
  CHECK_FALSE(model.metadata.contains("evaluation.scenes"));
  CHECK(std::stod(model.metadata.at("evaluation.accuracy")) >= 0.9);
  CHECK(std::stod(model.metadata.at("evaluation.accuracy.blind")) <=
        0.7);  // a colour of two, a half of yes and no

  const Json set = work.run_json({"ask", work.str("data/test"), "--weights", work.str("own"), "--pointing",
                                  "--elementwise", "--path", "4"});
  const double rate = set["right"]["hits"].get<double>() / set["right"]["asked"].get<double>();
  CHECK(std::abs(rate - std::stod(model.metadata.at("evaluation.accuracy"))) <= 1e-4);
  CHECK(set["set"]["pictures"] == 10);
  CHECK(set["pointing"]["asked"] == set["right"]["hits"]);
  CHECK(set["answers"].size() == 4);
  CHECK(set["path"] == 4);
  const ProcessResult text = work.run({"ask", work.str("data/test"), "--weights", work.str("own")});
  CHECK(contains(text.out, "of 30, "));
  CHECK_FALSE(contains(text.out, "point at"));

  const auto check_refused = [&](const ProcessResult& result, int exit_code, const std::string& why) {
    CAPTURE(result.err);
    CHECK(result.exit_code == exit_code);
    CHECK(contains(result.err, why));
    CHECK(std::ranges::count(result.err, '\n') == 1);
  };
  check_refused(train_on(work.str("none"), {}), 3, "none/train/questions.json");
  check_refused(train_on(work.str("data"), {"--force"}, "caption"), 2,
                "--data is of --task vqa and coattention");
  check_refused(train_on(work.str("data"), {"--start", "x"}), 2, "--start and --end-to-end are of scenes");
  work.file("data/test/questions.json", R"([["is it a square that is red or blue", "red", 0]])");
  check_refused(train_on(work.str("data"), {"--force"}), 3, "test/questions.json: question 1: ");
  const auto ask = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "ask");
    arguments.insert(arguments.end(), {"--weights", work.str("own")});
    return work.run(arguments);
  };
  check_refused(ask({work.str("data")}), 2, "expected one behind it, or a folder that holds questions.json");
  check_refused(ask({work.str("data/test"), "--answer", "red"}), 2,
                "--answer and --attention are of one question");
  check_refused(ask({work.str("data/test"), "--format", "npy", "--pointing"}), 2,
                "--format is of one question");
  check_refused(ask({work.str("data/test"), "--path", "4"}), 2, "add --pointing");
  check_refused(ask({work.str("data/test/images"), "is it red", "--pointing"}), 2,
                "is of a set of questions");
}

TEST_CASE("scenes program: pictures and boxes are those of the generator") {
  const Workspace work;
  const ProcessResult result = work.run({"scenes", "--count", "2", "--seed", "9", "--first", "4", "--objects",
                                         "2", "--out", work.str("drawn")});
  CHECK(result.exit_code == 0);
  CHECK(work.names_in("drawn") == std::vector<std::string>{"scene_000004.json", "scene_000004.png",
                                                           "scene_000005.json", "scene_000005.png"});
  const scenes::Scene scene = scenes::render_scene(9, 5, {.min_objects = 2, .max_objects = 2});
  CHECK(read_image(work.str("drawn/scene_000005.png")).rgb == scene.image.rgb);
  const Json json = Json::parse(read_text(work / "drawn/scene_000005.json"));
  CHECK(json["schema"] == "backlight.scene");
  REQUIRE(json["objects"].size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    const auto& object = scene.objects[i];
    CHECK(json["objects"][i]["class"]["index"] == object.label);
    CHECK(json["objects"][i]["class"]["name"] ==
          scenes::kClassNames.at(static_cast<std::size_t>(object.label)));
    CHECK(json["objects"][i]["box"]["x0"] == object.box.x0);
    CHECK(json["objects"][i]["box"]["y1"] == object.box.y1);
  }
  const ProcessResult again =
      work.run({"scenes", "--seed", "9", "--first", "4", "--objects", "2", "--out", work.str("drawn")});
  CHECK(again.exit_code == 2);
  CHECK(contains(again.err, "--force"));
}

TEST_CASE("scenes program: the world of language comes with captions, questions and their evidence") {
  const Workspace work;
  const std::vector<std::string> draw = {"scenes",         "--world", "language", "--count", "2",
                                         "--seed",         "9",       "--first",  "4",       "--out",
                                         work.str("drawn")};
  CHECK(work.run(draw).exit_code == 0);
  const language::Scene scene = language::render(9, 5);
  CHECK(read_image(work.str("drawn/scene_000005.png")).rgb == scene.image.rgb);
  const Json json = Json::parse(read_text(work / "drawn/scene_000005.json"));
  CHECK(json["schema"] == "backlight.scene");
  CHECK(json["size"] == 96);
  REQUIRE(json["objects"].size() == scene.boxes.size());
  for (std::size_t i = 0; i < scene.boxes.size(); ++i) {
    const language::Thing& thing = scene.layout.objects[i].thing;
    CHECK(json["objects"][i]["class"]["name"] == language::kNouns.at(static_cast<std::size_t>(thing.noun)));
    CHECK(json["objects"][i]["colour"] == language::kColours.at(static_cast<std::size_t>(thing.colour)));
    CHECK(json["objects"][i]["box"]["x1"] == scene.boxes[i].x1);
  }
  const auto indices = [](language::ObjectSet set) {
    Json list = Json::array();
    for (int i = 0; i < 3; ++i)
      if (set >> i & 1) list.push_back(i);
    return list;
  };
  const auto captions = language::captions(scene.layout);
  REQUIRE(json["captions"].size() == captions.size());
  for (std::size_t c = 0; c < captions.size(); ++c) {
    CHECK(json["captions"][c]["text"] == language::joined(captions[c].words));
    for (std::size_t t = 0; t < captions[c].words.size(); ++t) {
      CHECK(json["captions"][c]["words"][t]["word"] == captions[c].words[t]);
      CHECK(json["captions"][c]["words"][t]["evidence"] == indices(captions[c].evidence[t]));
    }
  }
  const auto questions = language::ask_one_each(scene.layout, 9, 5);
  REQUIRE(json["questions"].size() == questions.size());
  for (std::size_t q = 0; q < questions.size(); ++q) {
    CHECK(json["questions"][q]["text"] == language::joined(words_of(questions[q])));
    CHECK(json["questions"][q]["family"] == name_of(questions[q].family));
    CHECK(json["questions"][q]["answer"] ==
          language::answers()[static_cast<std::size_t>(questions[q].answer)]);
    CHECK(json["questions"][q]["evidence"] == indices(questions[q].evidence));
  }
  for (const char* option : {"--objects", "--size"}) {
    const ProcessResult refused =
        work.run({"scenes", "--world", "language", option, "96", "--out", work.str("no")});
    CHECK(refused.exit_code == 2);
  }
  CHECK(contains(work.run({"scenes", "--world", "language", "--size", "96", "--out", work.str("no")}).err,
                 "--world shapes"));
  CHECK(contains(work.run({"scenes", "--world", "languages", "--out", work.str("no")}).err, "did you mean"));
}
