#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "engine/explain/display.hpp"
#include "kernels/preprocess/preprocess.hpp"
#include "kernels/saliency/saliency.hpp"
#include "tools/program.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

std::vector<float> values_of(const Tensor& tensor) {
  return {tensor.values().begin(), tensor.values().end()};
}

/// The library's own answers about a picture.
struct Reference {
  explicit Reference(const Image& picture, Direction direction = Direction::evidence, std::int64_t index = 3,
                     Optimisations optimise = Optimisations::none())
      : programs(network, optimise),
        fitted(preprocess(picture, Preprocessing::cifar())),
        explanation(programs, context, fitted.x.clone(), {network.find("layer3")}, true),
        target(explanation.target({&index, 1}, direction)) {}

  Network network = test_network();
  Programs programs;
  Context context;
  Fitted fitted;
  Explanation explanation;
  Seed target;
};

}  // namespace

TEST_CASE("explain: the document has every promised member") {
  const Workspace work;
  const std::string picture = work.picture("cat.png", 50, 40), net = work.network();
  const Json json = work.run_json({"explain", picture, "--weights", net, "--class", "3", "--box", "--format",
                                   "overlay,heatmap,npy,json", "--out", work.str("out")});
  CHECK(json["schema"] == "backlight.explain");
  CHECK(json["schema_version"] == 1);
  CHECK(json["preset"] == "pytorch-grad-cam");
  CHECK(json["device"] == "cpu");
  CHECK(json["precision"] == "strict");
  CHECK(json["model"]["architecture"] == "resnet20_cifar");
  CHECK(json["model"]["weights_sha256"].get<std::string>().size() == 64);
  CHECK(json["preprocessing"]["fit"] == "crop");
  CHECK(json["errors"] == Json::array());
  REQUIRE(json["images"].size() == 1);
  const Json& image = json["images"][0];
  CHECK(image["file"] == picture);
  CHECK(image["exif_orientation"] == 1);
  CHECK(image["predictions"].size() == 5);
  REQUIRE(image["results"].size() == 1);

  Reference library(test_picture(50, 40));
  const ClassMap expected = library.explanation.grad_cam(library.network.find("layer3"), library.target);
  const Json& result = image["results"][0];
  CHECK(result["method"] == "grad-cam");
  CHECK(result["layer"] == library.network.node(library.network.find("layer3")).name);
  CHECK(result["class"] == Json{{"index", 3}, {"name", "cat"}});
  CHECK(result["counterfactual"] == false);
  CHECK(result["logit"].get<float>() == library.explanation.scores().values()[3]);
  CHECK(result["probability"] > 0);
  CHECK(result["probability"] < 1);
  CHECK(result["alpha_count"] == 64);
  CHECK(result["gradient"].is_null());
  CHECK(result["map"]["height"] == 8);
  CHECK(result["map"]["width"] == 8);
  const std::vector<float> raw = values_of(expected.map);
  CHECK(result["map"]["min"].get<float>() == *std::ranges::min_element(raw));
  CHECK(result["map"]["max"].get<float>() == *std::ranges::max_element(raw));
  CHECK(result["positive_evidence"] == has_positive_evidence(expected.map));

  const Json& files = result["files"];
  CHECK(files.size() == 3);
  CHECK(files["overlay"] == work.str("out/cat_cat_grad-cam_overlay.png"));
  CHECK(files["heatmap"] == work.str("out/cat_cat_grad-cam_heatmap.png"));
  CHECK(files["npy"] == work.str("out/cat_cat_grad-cam_map.npy"));
  const NpyArray npy = read_npy(files["npy"].get<std::string>());
  CHECK(npy.shape == std::vector{8, 8});
  CHECK(npy.values == raw);
  for (const char* kind : {"overlay", "heatmap"}) {
    const Image written = read_image(files[kind].get<std::string>());
    CHECK(written.width == 50);
    CHECK(written.height == 40);
  }
  CHECK(read_image(files["heatmap"].get<std::string>()).rgb ==
        heatmap(expected.map, library.fitted.placement, Preset::pytorch_grad_cam).rgb);

  CHECK(image["files"]["json"] == work.str("out/cat_results.json"));
  const Json written = Json::parse(read_text(work / "out/cat_results.json"));
  CHECK(written["schema"] == "backlight.explain");
  CHECK(written["images"][0]["results"] == image["results"]);
  const std::string png = read_text(files["overlay"].get<std::string>());
  CHECK(contains(png, json["model"]["weights_sha256"].get<std::string>()));
  CHECK(contains(png, "\"preset\": \"pytorch-grad-cam\""));
}

TEST_CASE("explain: --optimise changes no bit but where batch norm is folded") {
  const Workspace work;
  const std::string one = work.picture("cat.png", 50, 40), two = work.picture("dog.png", 50, 40),
                    net = work.network();
  const auto expected = [](Optimisations optimise) {
    Reference library(test_picture(50, 40), Direction::evidence, 3, optimise);
    return values_of(library.explanation.grad_cam(library.network.find("layer3"), library.target).map);
  };
  const auto map_of = [&](std::vector<std::string> options) {
    options.insert(options.begin(), {"explain", one, two, "--weights", net, "--class", "3", "--format", "npy",
                                     "--force", "--out", work.str("out")});
    const Json json = work.run_json(options);
    return read_npy(json["images"][0]["results"][0]["files"]["npy"].get<std::string>()).values;
  };
  const std::vector<float> plain = expected(Optimisations::none()), folded = expected(Optimisations::all());
  CHECK(plain != folded);
  CHECK(map_of({}) == plain);
  CHECK(map_of({"--optimise", "exact"}) == plain);
  CHECK(map_of({"--optimise", "none"}) == plain);
  CHECK(map_of({"--optimise", "all"}) == folded);
  CHECK(work.run({"explain", one, "--weights", net, "--optimise", "fast"}).exit_code == 2);
}

TEST_CASE("explain: methods to the input give the raw gradient of the library") {
  const Workspace work;
  const std::string picture = work.picture("cat.png", 50, 40), net = work.network();
  const Json json = work.run_json({"explain", picture, "--weights", net, "--class", "cat", "--method",
                                   "guided-backprop,deconvnet,gradient,guided-grad-cam,deconv-grad-cam",
                                   "--format", "npy,overlay,heatmap", "--out", work.str("out")});
  Reference library(test_picture(50, 40));
  const ClassMap map = library.explanation.grad_cam(library.network.find("layer3"), library.target);
  const auto gradient = [&](BackwardRule rule) {
    return library.explanation.gradient(library.target, rule).reshaped({3, 32, 32});
  };
  const auto product = [&](BackwardRule rule) {
    return guided_product(gradient(rule), map.map, Preset::pytorch_grad_cam);
  };
  std::map<std::string, Tensor> expected;
  expected["guided-backprop"] = gradient(BackwardRule::guided);
  expected["deconvnet"] = gradient(BackwardRule::deconvnet);
  expected["gradient"] = gradient(BackwardRule::standard);
  expected["guided-grad-cam"] = product(BackwardRule::guided);
  expected["deconv-grad-cam"] = product(BackwardRule::deconvnet);
  const Json& results = json["images"][0]["results"];
  REQUIRE(results.size() == expected.size());
  for (const Json& result : results) {
    const std::string method = result["method"];
    CAPTURE(method);
    const bool has_map = contains(method, "grad-cam");
    CHECK(result["layer"].is_null() != has_map);
    CHECK(result["alpha_count"].is_null() != has_map);
    CHECK(result["positive_evidence"].is_null() != has_map);
    CHECK(result["map"].is_null() != has_map);
    CHECK(result["gradient"]["channels"] == 3);
    CHECK(result["gradient"]["height"] == 32);
    CHECK(result["gradient"]["width"] == 32);
    const NpyArray npy = read_npy(result["files"]["npy"].get<std::string>());
    CHECK(npy.shape == std::vector{3, 32, 32});
    CHECK(npy.values == values_of(expected.at(method)));
    CHECK(read_image(result["files"]["heatmap"].get<std::string>()).rgb ==
          saliency(expected.at(method), Preset::pytorch_grad_cam).rgb);
    CHECK(read_image(result["files"]["overlay"].get<std::string>()).width == 50);
  }
}

TEST_CASE("explain: several classes and the best ones come in order and once each") {
  const Workspace work;
  const std::string picture = work.picture("a.png"), net = work.network();
  const Json json = work.run_json({"explain", picture, "--weights", net, "--class", "truck", "--class", "9",
                                   "--class", "0", "--top-k", "2", "--out", work.str("out")});
  const Json& image = json["images"][0];
  std::vector<int> expected = {9, 0};
  for (int i = 0; i < 2; ++i) {
    const int best = image["predictions"][static_cast<std::size_t>(i)]["index"];
    if (std::ranges::find(expected, best) == expected.end()) expected.push_back(best);
  }
  std::vector<int> found;
  for (const Json& result : image["results"]) found.push_back(result["class"]["index"]);
  CHECK(found == expected);
  CHECK(work.names_in("out").size() == expected.size());

  const Json alone = work.run_json({"explain", picture, "--weights", net, "--out", work.str("top")});
  REQUIRE(alone["images"][0]["results"].size() == 1);
  CHECK(alone["images"][0]["results"][0]["class"]["index"] == image["predictions"][0]["index"]);
}

TEST_CASE("explain: how a class was taken is in the text and in the document") {
  const Workspace work;
  const std::string net = work.network(), picture = work.picture("a.png"), out = work.str("out");
  const std::string labels =
      work.file("digits.json", R"(["3", "1", "4", "15", "9", "2", "6", "5", "35", "8"])");
  const std::vector<std::string> arguments = {"explain", picture,   "--weights", net,       "--labels",
                                              labels,    "--class", "1",         "--class", "35",
                                              "--class", "name:3",  "--out",     out};
  const Json asked = work.run_json(arguments)["asked"];
  CHECK(asked[0] ==
        Json{{"index", 1}, {"name", "1"}, {"asked", "1"}, {"taken_as", "index"}, {"others", Json::array()}});
  CHECK(asked[1]["index"] == 8);
  CHECK(asked[1]["taken_as"] == "name");
  CHECK(asked[2]["index"] == 0);
  const ProcessResult three =
      work.run({"explain", picture, "--weights", net, "--labels", labels, "--class", "3", "--out", out});
  CHECK(contains(three.err, "--class 3 was taken as the index of class 3 (15); name:3 means class 0 (3)"));
  CHECK(contains(three.out, "15 (3)"));
}

TEST_CASE("explain: nothing is overwritten without force") {
  const Workspace work;
  const std::string picture = work.picture("a.png"), net = work.network(), out = work.str("out");
  const std::vector<std::string> named = {"explain", picture, "--weights", net, "--class", "1", "--out", out};
  CHECK(work.run(named).exit_code == 0);
  const std::string file = work.str("out/a_automobile_grad-cam_overlay.png");
  work.file("out/a_automobile_grad-cam_overlay.png", "precious");
  const ProcessResult refused = work.run(named);
  CHECK(refused.exit_code == 2);
  CHECK(contains(refused.err, file));
  CHECK(contains(refused.err, "--force"));
  CHECK(read_text(file) == "precious");

  std::vector<std::string> forced = named;
  forced.emplace_back("--force");
  CHECK(work.run(forced).exit_code == 0);
  CHECK(read_text(file) != "precious");

  const std::vector<std::string> best = {"explain", picture, "--weights", net, "--out", work.str("best")};
  CHECK(work.run(best).exit_code == 0);
  CHECK(work.run(best).exit_code == 2);
}

TEST_CASE("explain: in a batch a result that exists is refused before any picture is explained") {
  const Workspace work;
  work.picture("in/a.png");
  work.picture("in/b.png");
  work.file("out/b_cat_grad-cam_overlay.png", "precious");
  const ProcessResult result = work.run(
      {"explain", work.str("in"), "--weights", work.network(), "--class", "cat", "--out", work.str("out")});
  CHECK(result.exit_code == 2);
  CHECK(work.names_in("out") == std::vector<std::string>{"b_cat_grad-cam_overlay.png"});
}

TEST_CASE("explain: pictures that share a stem do not share results") {
  const Workspace work;
  work.picture("in/a.png");
  work.picture("in/a.jpg");
  work.picture("in/A.png");
  const Json json = work.run_json({"explain", work.str("in"), "--weights", work.network(), "--class", "2",
                                   "--format", "overlay,json", "--out", work.str("out")});
  std::set<std::string> files;
  for (const Json& image : json["images"]) {
    files.insert(image["results"][0]["files"]["overlay"].get<std::string>());
    files.insert(image["files"]["json"].get<std::string>());
  }
  CHECK(files.size() == 6);
  CHECK(work.names_in("out").size() == 6);
}

TEST_CASE("explain: several layers have a result and a name each") {
  const Workspace work;
  const Json json = work.run_json({"explain", work.picture("a.png"), "--weights", work.network(), "--class",
                                   "2", "--layer", "layer1", "--layer", "layer2,layer3", "--method",
                                   "grad-cam,guided-backprop", "--out", work.str("out")});
  const Json& results = json["images"][0]["results"];
  REQUIRE(results.size() == 4);
  CHECK(results[0]["map"]["height"] == 32);
  CHECK(results[1]["map"]["height"] == 16);
  CHECK(results[2]["map"]["height"] == 8);
  CHECK(results[0]["alpha_count"] == 16);
  const std::vector<std::string> names = work.names_in("out");
  CHECK(names.size() == 4);
  CHECK(std::ranges::find(names, "a_bird_guided-backprop_overlay.png") != names.end());
}

TEST_CASE("explain: one forward serves all questions with the bits of each alone") {
  const Workspace work;
  const std::string picture = work.picture("a.png"), net = work.network();
  const Json together =
      work.run_json({"explain", picture, "--weights", net, "--class", "1", "--class", "2", "--method",
                     "grad-cam,guided-grad-cam,cam", "--format", "npy", "--out", work.str("together")});
  for (const Json& result : together["images"][0]["results"]) {
    const std::string index = result["class"]["index"].dump(), method = result["method"];
    const Json alone =
        work.run_json({"explain", picture, "--weights", net, "--class", index, "--method", method, "--format",
                       "npy", "--threads", "1", "--out", work.str("alone")});
    const Json& same = alone["images"][0]["results"][0];
    CHECK(read_text(same["files"]["npy"].get<std::string>()) ==
          read_text(result["files"]["npy"].get<std::string>()));
  }
}

TEST_CASE("explain: counterfactual maps are the negated ones and are named so") {
  const Workspace work;
  const std::string picture = work.picture("a.png"), net = work.network();
  const auto map_of = [&](bool counterfactual) {
    std::vector<std::string> arguments = {"explain", picture,    "--weights", net,     "--class",
                                          "1",       "--format", "npy",       "--out", work.str("out")};
    if (counterfactual) arguments.emplace_back("--counterfactual");
    const Json result = work.run_json(arguments)["images"][0]["results"][0];
    CHECK(result["counterfactual"] == counterfactual);
    CHECK(contains(result["files"]["npy"].get<std::string>(), "-counterfactual_") == counterfactual);
    return read_npy(result["files"]["npy"].get<std::string>()).values;
  };
  const std::vector<float> evidence = map_of(false), against = map_of(true);
  REQUIRE(evidence.size() == against.size());
  for (std::size_t i = 0; i < evidence.size(); ++i) CHECK(against[i] == -evidence[i]);

  const Json panel = work.run_json({"explain", picture, "--weights", net, "--class", "1", "--format", "panel",
                                    "--counterfactual", "--out", work.str("panel")})["images"][0];
  CHECK(fs::exists(panel["files"]["panel"].get<std::string>()));

  const ProcessResult meaningless = work.run({"explain", picture, "--weights", net, "--method",
                                              "guided-backprop", "--counterfactual", "--out", work.str("o")});
  CHECK(meaningless.exit_code == 2);
  CHECK(meaningless.err ==
        "backlight: error: --counterfactual has no meaning for guided-backprop; it has for grad-cam, cam, "
        "grad-cam++, xgrad-cam, hirescam, grad-cam-elementwise, layercam, eigen-grad-cam, ablation-cam, "
        "recipro-cam, score-cam, occlusion, rise, guided-grad-cam, deconv-grad-cam, input-x-gradient, "
        "integrated-gradients, gradient-shap, deep-lift, lrp-epsilon, lrp-gamma-box, "
        "lrp-plus-flat and lrp-alpha-beta-flat\n");
}

TEST_CASE("explain: no positive evidence is a finding with the plain picture and no box") {
  const Workspace work;
  const std::string picture = work.picture("a.png", 32, 32), net = work.network_against_class_3();
  const std::vector<std::string> arguments = {
      "explain", picture, "--weights", net, "--class", "3", "--method", "grad-cam,guided-grad-cam", "--box"};
  std::vector<std::string> with_json = arguments;
  with_json.insert(with_json.end(), {"--format", "overlay,heatmap,panel", "--out", work.str("json")});
  const Json json = work.run_json(with_json);
  for (const Json& result : json["images"][0]["results"]) {
    CHECK(result["positive_evidence"] == false);
    CHECK(result["box"].is_null());
    CHECK(result["map"]["max"] <= 0);
  }
  CHECK(read_image(json["images"][0]["results"][0]["files"]["overlay"].get<std::string>()).rgb ==
        test_picture(32, 32).rgb);

  std::vector<std::string> with_text = arguments;
  with_text.insert(with_text.end(), {"--out", work.str("text")});
  const ProcessResult text = work.run(with_text);
  CHECK(text.exit_code == 0);
  CHECK(contains(text.out, "no positive evidence"));
}

TEST_CASE("explain: the box lies within the picture and is drawn in the overlay") {
  const Workspace work;
  const std::string picture = work.picture("a.png", 90, 60), net = work.network();
  const auto run = [&](bool box, const std::string& out) {
    std::vector<std::string> arguments = {"explain", picture, "--weights", net,
                                          "--top-k", "10",    "--out",     out};
    if (box) arguments.emplace_back("--box");
    return work.run_json(arguments)["images"][0]["results"];
  };
  const Json boxed = run(true, work.str("boxed")), plain = run(false, work.str("plain"));
  int boxes = 0;
  for (std::size_t i = 0; i < boxed.size(); ++i) {
    CHECK(plain[i]["box"].is_null());
    CHECK(boxed[i]["box"].is_null() != boxed[i]["positive_evidence"].get<bool>());
    if (boxed[i]["box"].is_null()) continue;
    ++boxes;
    const Json& box = boxed[i]["box"];
    CHECK(box["x0"] >= 0);
    CHECK(box["y0"] >= 0);
    CHECK(box["x1"] <= 90);
    CHECK(box["y1"] <= 60);
    CHECK(box["x0"] < box["x1"]);
    CHECK(box["y0"] < box["y1"]);
    CHECK(read_image(boxed[i]["files"]["overlay"].get<std::string>()).rgb !=
          read_image(plain[i]["files"]["overlay"].get<std::string>()).rgb);
  }
  CHECK(boxes > 0);
}

TEST_CASE("explain: every preset makes its own pictures of the same network") {
  const Workspace work;
  const std::string picture = work.picture("a.png", 50, 40), net = work.network();
  std::set<std::string> pictures;
  for (const std::string preset : {"paper", "pytorch-grad-cam", "captum", "torch-cam"}) {
    const Json json = work.run_json({"explain", picture, "--weights", net, "--class", "4", "--preset", preset,
                                     "--out", work.str(preset)});
    CHECK(json["preset"] == preset);
    const Image image = read_image(json["images"][0]["results"][0]["files"]["overlay"].get<std::string>());
    pictures.insert(std::string(image.rgb.begin(), image.rgb.end()));
  }
  CHECK(pictures.size() == 4);
  const ProcessResult undefined = work.run({"explain", picture, "--weights", net, "--preset", "torch-cam",
                                            "--method", "guided-grad-cam", "--out", work.str("none")});
  CHECK(undefined.exit_code == 4);
  CHECK_FALSE(fs::exists(work / "none"));
}

TEST_CASE("explain: EXIF orientation turns the picture and is recorded") {
  const Workspace work;
  const Json image = work.run_json({"explain", work.turned_picture("a.png", 60, 40, 6), "--weights",
                                    work.network(), "--class", "1", "--out", work.str("out")})["images"][0];
  CHECK(image["exif_orientation"] == 6);
  CHECK(image["orientation_applied"] == true);
  CHECK(image["width"] == 40);
  CHECK(image["height"] == 60);
  const Image overlay = read_image(image["results"][0]["files"]["overlay"].get<std::string>());
  CHECK(overlay.width == 40);
  CHECK(overlay.height == 60);
}

TEST_CASE("explain: a panel has a row per class and grows with them") {
  const Workspace work;
  const std::string picture = work.picture("a.png", 120, 90), net = work.network();
  const auto panel = [&](std::vector<std::string> classes, const std::string& out) {
    std::vector<std::string> arguments = {"explain",  picture, "--weights", net,
                                          "--format", "panel", "--out",     out};
    for (const std::string& name : classes) arguments.insert(arguments.end(), {"--class", name});
    const Json image = work.run_json(arguments)["images"][0];
    CHECK(image["files"]["panel"] == out + "/a_panel.png");
    CHECK(image["results"][0]["files"].empty());
    return read_image(out + "/a_panel.png");
  };
  const Image one = panel({"cat"}, work.str("one")), two = panel({"cat", "dog"}, work.str("two"));
  CHECK(one.width == two.width);
  CHECK(two.height > one.height + 100);
}

TEST_CASE("explain: a folder goes on past bad files and says what failed") {
  const Workspace work;
  work.picture("in/a.png");
  work.file("in/b.png", "\x89PNG\r\n\x1a\n and then nothing");
  work.picture("in/c.png");
  const ProcessResult result = work.run(
      {"explain", work.str("in"), "--weights", work.network(), "--class", "1", "--out", work.str("out")});
  CHECK(result.exit_code == 6);
  CHECK(work.names_in("out").size() == 2);
  CHECK(contains(result.err, "b.png"));
  CHECK(contains(result.err, "2 of 3 pictures done, 1 failed"));
  CHECK(contains(result.out, "c_automobile_grad-cam_overlay.png"));
}

TEST_CASE("explain: quiet says nothing and an unusable folder for results is told at once") {
  const Workspace work;
  const std::string picture = work.picture("a.png"), net = work.network();
  const ProcessResult quiet =
      work.run({"explain", picture, "--weights", net, "-q", "--out", work.str("out")});
  CHECK(quiet.exit_code == 0);
  CHECK(quiet.out.empty());
  CHECK(quiet.err.empty());
  const std::string file = work.file("taken", "a file");
  const ProcessResult taken = work.run({"explain", picture, "--weights", net, "--out", file});
  CHECK(taken.exit_code == 5);
  CHECK(contains(taken.err, "taken"));
  CHECK(work.run({"explain", picture, "--weights", net, "--out", "/proc/no/such"}).exit_code == 5);
}

TEST_CASE("explain: pictures of awkward sizes are explained") {
  const Workspace work;
  const std::string net = work.network();
  const std::vector<std::pair<int, int>> sizes = {{1, 1}, {1, 700}, {700, 1}, {31, 33}, {1500, 1100}};
  for (const auto& [width, height] : sizes) {
    CAPTURE(width);
    CAPTURE(height);
    const std::string name = std::to_string(width) + "x" + std::to_string(height);
    const Json json = work.run_json({"explain", work.picture(name + ".png", width, height), "--weights", net,
                                     "--class", "1", "--box", "--out", work.str("out")});
    const Image overlay = read_image(work.str("out/" + name + "_automobile_grad-cam_overlay.png"));
    CHECK(overlay.width == width);
    CHECK(overlay.height == height);
  }
}
