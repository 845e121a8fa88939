#include <doctest/doctest.h>

#include <cmath>

#include "engine/explain/explanation.hpp"
#include "kernels/preprocess/preprocess.hpp"
#include "tools/program.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// What the library says of a picture, by itself.
std::vector<float> library_logits(const Image& image) {
  const Network network = test_network();
  Context context;
  const Explanation run(network, context, preprocess(image, Preprocessing::cifar()).x, {}, false);
  return {run.scores().values().begin(), run.scores().values().end()};
}

}  // namespace

TEST_CASE("classify: the document has every promised member") {
  const Workspace work;
  const std::string picture = work.picture("cat.png", 50, 40), net = work.network();
  const Json json = work.run_json({"classify", picture, "--weights", net, "--top-k", "4"});
  CHECK(json["schema"] == "backlight.classify");
  CHECK(json["schema_version"] == 1);
  CHECK(json["backlight_version"].get<std::string>().size() >= 5);
  CHECK(json["model"]["architecture"] == "resnet20_cifar");
  CHECK(json["model"]["classes"] == 10);
  CHECK(json["model"]["weights"] == net);
  CHECK(json["model"]["weights_sha256"].get<std::string>().size() == 64);
  CHECK(json["preprocessing"]["fit"] == "crop");
  CHECK(json["preprocessing"]["input_size"] == 32);
  CHECK(json["preprocessing"]["mean"] == Json({0.485, 0.456, 0.406}));
  CHECK(json["preprocessing"]["channel_order"] == "RGB");
  CHECK(json["preprocessing"]["exif_orientation"] == "applied");
  CHECK(json["device"] == "cpu");
  CHECK(json["precision"] == "strict");
  CHECK(json["errors"] == Json::array());
  REQUIRE(json["images"].size() == 1);
  const Json& image = json["images"][0];
  CHECK(image["file"] == picture);
  CHECK(image["width"] == 50);
  CHECK(image["height"] == 40);
  CHECK(image["exif_orientation"] == 1);
  CHECK(image["orientation_applied"] == false);
  CHECK(image["input"] == Json{{"height", 32}, {"width", 32}});
  REQUIRE(image["predictions"].size() == 4);

  const std::vector<float> logits = library_logits(test_picture(50, 40));
  double sum = 0;
  for (const float v : logits) sum += std::exp(static_cast<double>(v));
  double last = 2;
  for (const Json& p : image["predictions"]) {
    const auto index = p["index"].get<std::size_t>();
    REQUIRE(index < 10);
    CHECK(p["name"].get<std::string>().size() > 2);
    CHECK(p["logit"].get<float>() == logits[index]);
    const double expected = std::exp(static_cast<double>(logits[index])) / sum;
    CHECK(std::abs(p["probability"].get<double>() - expected) <= 1e-9);
    CHECK(p["probability"] <= last);
    last = p["probability"];
  }
}

TEST_CASE("classify: more classes than there are means all of them") {
  const Workspace work;
  const Json json =
      work.run_json({"classify", work.picture("a.png"), "--weights", work.network(), "-k", "500"});
  CHECK(json["images"][0]["predictions"].size() == 10);
}

TEST_CASE("classify: standard input and a file give the same") {
  const Workspace work;
  const std::string net = work.network(), picture = work.picture("a.png");
  ProcessOptions piped;
  piped.input = read_text(picture);
  const Json from_input = work.run_json({"classify", "-", "--weights", net}, 0, piped);
  const Json from_file = work.run_json({"classify", picture, "--weights", net});
  CHECK(from_input["images"][0]["file"] == "-");
  CHECK(from_input["images"][0]["predictions"] == from_file["images"][0]["predictions"]);

  const ProcessResult empty = work.run({"classify", "-", "--weights", net});
  CHECK(empty.exit_code == 3);
  CHECK(contains(empty.err, "standard input"));
}

TEST_CASE("classify: a folder is read in the order of names and goes on past bad files") {
  const Workspace work;
  const std::string net = work.network();
  for (const char* name : {"in/b.png", "in/a.png", "in/c.PNG"}) work.picture(name);
  work.file("in/broken.jpg", "no picture at all");
  work.file("in/notes.txt", "left out");
  work.file("in/.hidden.png", "left out");
  fs::create_directories(work / "in/folder.png");
  const Json json = work.run_json({"classify", work.str("in"), "--weights", net}, 6);
  REQUIRE(json["images"].size() == 3);
  CHECK(json["images"][0]["file"] == work.str("in/a.png"));
  CHECK(json["images"][1]["file"] == work.str("in/b.png"));
  CHECK(json["images"][2]["file"] == work.str("in/c.PNG"));
  REQUIRE(json["errors"].size() == 1);
  CHECK(json["errors"][0]["file"] == work.str("in/broken.jpg"));
  CHECK(json["errors"][0]["kind"].get<std::string>().size() > 4);
  CHECK(json["errors"][0]["message"].get<std::string>().size() > 10);

  const ProcessResult text = work.run({"classify", work.str("in"), "--weights", net});
  CHECK(text.exit_code == 6);
  CHECK(contains(text.err, "3 of 4 pictures done, 1 failed"));
  CHECK(contains(text.err, "broken.jpg"));
  CHECK_FALSE(contains(text.err, "\r"));
}

TEST_CASE("classify: a folder without pictures and a file that is missing are bad input") {
  const Workspace work;
  const std::string net = work.network();
  work.file("none/readme.md", "text");
  const ProcessResult none = work.run({"classify", work.str("none"), "--weights", net});
  CHECK(none.exit_code == 3);
  CHECK(contains(none.err, "no picture"));
  const ProcessResult missing = work.run({"classify", work.str("missing.png"), "--weights", net});
  CHECK(missing.exit_code == 3);
  CHECK(contains(missing.err, "missing.png"));
  const ProcessResult no_weights =
      work.run({"classify", work.picture("a.png"), "--weights", work.str("no.pth")});
  CHECK(no_weights.exit_code == 3);
  CHECK(contains(no_weights.err, "no.pth"));
}

TEST_CASE("classify: names with quotes and umlauts come through JSON and text") {
  const Workspace work;
  std::string labels;
  for (int i = 0; i < 10; ++i) labels += "Größe \"" + std::to_string(i) + "\" \\ <b>\n";
  const std::string file = work.file("labels.txt", labels), net = work.network();
  const std::string picture = work.picture("Bild \"ä\" 'x'.png");
  const Json json = work.run_json({"classify", picture, "--weights", net, "--labels", file});
  CHECK(json["images"][0]["file"] == picture);
  const Json& best = json["images"][0]["predictions"][0];
  CHECK(best["name"] == "Größe \"" + std::to_string(best["index"].get<int>()) + "\" \\ <b>");
  const ProcessResult text = work.run({"classify", picture, "--weights", net, "--labels", file});
  CHECK(contains(text.out, "Größe \""));
  const ProcessResult wrong =
      work.run({"classify", picture, "--weights", net, "--labels", work.file("short.txt", "one\ntwo\n")});
  CHECK(wrong.exit_code == 3);
  CHECK(contains(wrong.err, "short.txt"));
}

TEST_CASE("classify: a file name that is no UTF-8 still gives valid JSON") {
  const Workspace work;
  const std::string picture = work.picture("bad\xff.png");
  const Json json = work.run_json({"classify", picture, "--weights", work.network()});
  CHECK(contains(json["images"][0]["file"].get<std::string>(), "bad\xEF\xBF\xBD.png"));
}

TEST_CASE("classify: the preprocessing can be overridden and is recorded") {
  const Workspace work;
  const std::string net = work.network(), picture = work.picture("a.png");
  const Json caffe = work.run_json({"classify", picture, "--weights", net, "--preprocessing", "caffe"});
  CHECK(caffe["preprocessing"]["channel_order"] == "BGR");
  CHECK(caffe["preprocessing"]["input_size"] == 32);
  CHECK(caffe["preprocessing"]["mean"] == Json({103.939, 116.779, 123.68}));
  const Json own = work.run_json({"classify", picture, "--weights", net});
  CHECK(caffe["images"][0]["predictions"] != own["images"][0]["predictions"]);
}

TEST_CASE(
    "classify: parts of the preprocessing are taken, recorded with their origin, and refused where they "
    "cannot be") {
  const Workspace work;
  const std::string net = work.network(), picture = work.picture("a.png");
  const Json json =
      work.run_json({"classify", picture, "--weights", net, "--mean", "123.7,116.3,103.5", "--std",
                     "58.4,57.1,57.4", "--input-size", "64", "--interpolation", "bicubic"});
  const Json& how = json["preprocessing"];
  CHECK(how["divisor"] == 1);
  CHECK(how["mean"] == Json({123.7, 116.3, 103.5}));
  CHECK(how["input_size"] == 64);
  CHECK(how["resize_size"] == 64);
  CHECK(how["interpolation"] == "bicubic");
  CHECK(how["from"] == Json{{"input_size", "option"},
                            {"resize_size", "derived"},
                            {"interpolation", "option"},
                            {"divisor", "derived"},
                            {"mean", "option"},
                            {"std", "option"},
                            {"channel_order", "network"}});
  CHECK(json["images"][0]["input"] == Json{{"height", 64}, {"width", 64}});
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{"--mean", "1,2"},
                                             {"--mean", "nan,1,1"},
                                             {"--mean", ""},
                                             {"--std", "1,0,1"},
                                             {"--input-size", "0"},
                                             {"--input-size", "99999"},
                                             {"--resize-size", "8"},
                                             {"--interpolation", "sinc"},
                                             {"--exif", "maybe"}}) {
    std::vector<std::string> arguments = {"classify", picture, "--weights", net};
    arguments.insert(arguments.end(), wrong.begin(), wrong.end());
    CAPTURE(wrong.back());
    const ProcessResult result = work.run(arguments);
    CHECK(result.exit_code == 2);
    CHECK(result.out.empty());
  }
}

TEST_CASE("classify: EXIF's orientation can be ignored") {
  const Workspace work;
  const std::string net = work.network(), turned = work.turned_picture("a.png", 40, 30, 6);
  const Json upright = work.run_json({"classify", turned, "--weights", net});
  CHECK(upright["preprocessing"]["exif_orientation"] == "applied");
  CHECK(upright["images"][0]["width"] == 30);
  const Json stored = work.run_json({"classify", turned, "--weights", net, "--exif", "ignore"});
  CHECK(stored["preprocessing"]["exif_orientation"] == "ignored");
  CHECK(stored["images"][0]["width"] == 40);
  CHECK(stored["images"][0]["orientation_applied"] == false);
}

TEST_CASE("classify: names that are only assumed are said to be, until the user confirms them") {
  const Workspace work;
  const std::string net = work.network_of(10), picture = work.picture("a.png");
  const ProcessResult assumed = work.run({"classify", picture, "--weights", net});
  CHECK(contains(assumed.err, "names of classes are assumed"));
  CHECK(contains(assumed.err, "--labels cifar10"));
  CHECK(work.run_json({"classify", picture, "--weights", net})["model"]["labels_from"] == "assumed");
  const ProcessResult said = work.run({"classify", picture, "--weights", net, "--labels", "cifar10"});
  CHECK(said.err.empty());
  CHECK(said.out == assumed.out);
  CHECK(work.run({"classify", picture, "--weights", net, "--labels", "imagenet"}).exit_code == 2);
}

TEST_CASE("classify: every fit is recorded and none keeps the picture's size") {
  const Workspace work;
  const std::string net = work.network(), picture = work.picture("a.png", 61, 45);
  const Json none = work.run_json({"classify", picture, "--weights", net, "--fit", "none"});
  CHECK(none["images"][0]["input"] == Json{{"height", 45}, {"width", 61}});
  CHECK(none["images"][0]["seen"] == Json{{"x0", 0}, {"y0", 0}, {"x1", 61}, {"y1", 45}});
  const Json stretch = work.run_json({"classify", picture, "--weights", net, "--fit", "stretch"});
  CHECK(stretch["preprocessing"]["fit"] == "stretch");
  CHECK(stretch["images"][0]["seen"] == Json{{"x0", 0}, {"y0", 0}, {"x1", 61}, {"y1", 45}});
  const Json crop = work.run_json({"classify", picture, "--weights", net});
  CHECK(crop["images"][0]["seen"]["x0"].get<int>() > 0);
}

TEST_CASE("classify: the number of threads changes no bit") {
  const Workspace work;
  const std::string net = work.network(), picture = work.picture("a.png");
  const Json one = work.run_json({"classify", picture, "--weights", net, "--threads", "1"});
  const Json two = work.run_json({"classify", picture, "--weights", net, "--threads", "2"});
  CHECK(one["threads"] == 1);
  CHECK(two["threads"] == 2);
  CHECK(one["images"] == two["images"]);
}

TEST_CASE("classify: scores that are no numbers are bad input and never NaN in JSON") {
  const Workspace work;
  const ProcessResult result =
      work.run({"classify", work.picture("a.png"), "--weights", work.network_of_overflow(), "--json"});
  CHECK(result.exit_code == 3);
  CHECK(result.out.empty());
  CHECK(contains(result.err, "score"));
}
