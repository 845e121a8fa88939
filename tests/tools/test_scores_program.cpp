// --scores, and networks of one output, whose two outcomes are its classes.
#include <doctest/doctest.h>

#include <cmath>

#include "tools/program.hpp"

using namespace backlight::test;

namespace {

double sigmoid(double z) { return 1 / (1 + std::exp(-z)); }

/// The prediction of the class of this name.
Json named(const Json& predictions, const std::string& name) {
  for (const Json& p : predictions)
    if (p["name"] == name) return p;
  FAIL("no class is named " << name);
  return {};
}

}  // namespace

TEST_CASE("scores: one output is a sigmoid of two outcomes with names") {
  const Workspace work;
  const std::string picture = work.picture("hill.png"), net = work.network_of(1);
  work.file("labels.txt", "fire\n");
  const Json json =
      work.run_json({"classify", picture, "--weights", net, "--labels", work.str("labels.txt")});
  CHECK(json["model"]["scores"] == "sigmoid");
  CHECK(json["model"]["classes"] == 2);
  const Json& predictions = json["images"][0]["predictions"];
  REQUIRE(predictions.size() == 2);
  const Json fire = named(predictions, "fire"), none = named(predictions, "no fire");
  CHECK(fire["index"] == 1);
  CHECK(none["index"] == 0);
  CHECK(none["logit"].get<double>() == -fire["logit"].get<double>());
  CHECK(fire["probability"].get<double>() == doctest::Approx(sigmoid(fire["logit"])));
  CHECK(fire["probability"].get<double>() + none["probability"].get<double>() == doctest::Approx(1));

  const ProcessResult text =
      work.run({"classify", picture, "--weights", net, "--labels", work.str("labels.txt")});
  CHECK(contains(text.out, "sigmoid of one output"));
  CHECK(contains(text.out, "no fire"));
  CHECK_FALSE(contains(text.out, "100.0 %"));
}

TEST_CASE("scores: the evidence for one outcome is the counterfactual of the other") {
  const Workspace work;
  const std::string picture = work.picture("hill.png"), net = work.network_of(1);
  work.file("labels.txt", "no fire\nfire\n");
  const auto map_of = [&](const std::string& folder, std::vector<std::string> more) {
    std::vector<std::string> arguments = {
        "explain", picture, "--weights",     net, "--labels", work.str("labels.txt"), "--format",
        "npy",     "--out", work.str(folder)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Json json = work.run_json(arguments);
    return json["images"][0]["results"][0];
  };
  const Json fire = map_of("fire", {"--class", "fire"});
  const Json none = map_of("none", {"--class", "no fire"});
  const Json against = map_of("against", {"--class", "fire", "--counterfactual"});
  CHECK(fire["map"]["max"].get<double>() == -none["map"]["min"].get<double>());
  CHECK(fire["map"]["min"].get<double>() == -none["map"]["max"].get<double>());
  CHECK(against["map"] == none["map"]);
  CHECK(read_text(against["files"]["npy"].get<std::string>()) ==
        read_text(none["files"]["npy"].get<std::string>()));
  CHECK(fire["probability"].get<double>() + none["probability"].get<double>() == doctest::Approx(1));
}

TEST_CASE("scores: several labels have probabilities of their own with --scores sigmoid") {
  const Workspace work;
  const std::string picture = work.picture("a.png"), net = work.network();
  const Json json = work.run_json({"classify", picture, "--weights", net, "--scores", "sigmoid", "-k", "10"});
  CHECK(json["model"]["scores"] == "sigmoid");
  double last = 2;
  for (const Json& p : json["images"][0]["predictions"]) {
    CHECK(p["probability"].get<double>() == doctest::Approx(sigmoid(p["logit"])));
    CHECK(p["probability"] <= last);
    last = p["probability"];
  }
  CHECK(work.run_json({"classify", picture, "--weights", net})["model"]["scores"] == "softmax");
  CHECK(contains(work.run({"classify", picture, "--weights", net, "--scores", "sigmoid"}).out,
                 "sigmoid of each class by itself"));
  CHECK(contains(
      work.run({"explain", picture, "--weights", net, "--scores", "sigmoid", "--out", work.str("o")}).out,
      "sigmoid of each class by itself"));
}

TEST_CASE("scores: a softmax of one output and unknown functions are refused") {
  const Workspace work;
  const std::string picture = work.picture("a.png");
  const ProcessResult one =
      work.run({"classify", picture, "--weights", work.network_of(1), "--scores", "softmax"});
  CHECK(one.exit_code == 2);
  CHECK(contains(one.err, "always 1"));
  const ProcessResult unknown =
      work.run({"classify", picture, "--weights", work.network(), "--scores", "sigmoyd"});
  CHECK(unknown.exit_code == 2);
  CHECK(contains(unknown.err, "sigmoid"));
}

TEST_CASE("scores: a converted file says its function and both outcomes by itself") {
  const Workspace work;
  const std::string picture = work.picture("hill.png");
  work.file("labels.txt", "fire\n");
  const auto converted = [&](std::int64_t outputs, std::vector<std::string> more) {
    const std::string out = work.str("said.safetensors");
    more.insert(more.begin(), {"convert", work.network_of(outputs), "-o", out, "--force"});
    CHECK(work.run(more).exit_code == 0);
    return work.run_json({"classify", picture, "--weights", out});
  };
  const Json fire = converted(1, {"--labels", work.str("labels.txt")});
  CHECK(fire["model"]["scores"] == "sigmoid");
  CHECK(named(fire["images"][0]["predictions"], "no fire")["index"] == 0);
  CHECK(converted(4, {"--scores", "sigmoid"})["model"]["scores"] == "sigmoid");
  CHECK(converted(4, {})["model"]["scores"] == "softmax");
}
