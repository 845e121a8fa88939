// backlight attack and backlight bias: what they write, that it holds, and what they refuse.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "tools/program.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

double statistic(const Json& document, const std::string& version, const std::string& name) {
  for (const Json& entry : document["results"])
    if (entry["method"] == version)
      for (const Json& found : entry["statistics"])
        if (found["name"] == name)
          return found["value"].is_null() ? std::nan("") : found["value"].get<double>();
  FAIL("no statistic ", name);
  return 0;
}

Json of_version(const Json& image, const std::string& version, const std::string& class_name) {
  for (const Json& map : image["maps"])
    if (map["version"] == version && map["class"]["name"] == class_name) return map;
  FAIL("no map of ", class_name);
  return {};
}

std::string base64_of(const fs::path& file) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::string bytes = read_text(file);
  std::string digits;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t three = 0;
    for (std::size_t k = i; k < i + 3; ++k)
      three = three << 8 | (k < bytes.size() ? static_cast<unsigned char>(bytes[k]) : 0);
    for (std::size_t k = 0; k < 4; ++k)
      digits += i + k > bytes.size() ? '=' : kDigits[three >> (18 - 6 * k) & 63];
  }
  return digits;
}

}  // namespace

TEST_CASE("attack: the PNG that is written fools the network that ships, by no more than epsilon") {
  const Workspace work;
  REQUIRE(work.run({"scenes", "--objects", "2", "--seed", "9", "--out", work.str("scenes")}).exit_code == 0);
  const std::string scene = work.str("scenes/scene_000000.png"), out = work.str("out");
  std::vector<std::string> arguments{
      "attack", scene,   "--model", "backlight_scenes", "--towards", "star",    "--epsilon",
      "5",      "--out", out,       "--class",          "ring",      "--class", "cross"};
  const Json document = work.run_json(arguments);
  CHECK(document["schema"] == "backlight.attack");
  CHECK((document["epsilon"] == 5 && document["step"] == 1 && document["steps"] == 100 &&
         document["seed"] == 1));
  const Json& image = document["images"][0];
  CHECK(image["reached"] == true);
  CHECK(image["probability_before"].get<double>() < 0.5);
  CHECK(image["probability"].get<double>() > 0.9999);
  CHECK(image["predictions"]["attacked"][0]["name"] == "star");
  CHECK(image["predictions"]["random"][0]["name"] == image["predictions"]["before"][0]["name"]);
  CHECK(image["read_back"]["fit"] == "stretch");
  CHECK(image["largest_change"].get<int>() <= 5);

  const Json read = work.run_json(
      {"classify", image["files"]["attacked"], "--model", "backlight_scenes", "--fit", "stretch"});
  CHECK(read["images"][0]["predictions"][0]["name"] == "star");
  CHECK(read["images"][0]["predictions"][0]["probability"] ==
        image["predictions"]["attacked"][0]["probability"]);

  // As large as the input, the scene itself is what was attacked.
  const Image given = read_image(scene), input = read_image(image["files"]["input"]);
  const Image attacked = read_image(image["files"]["attacked"]),
              random = read_image(image["files"]["random"]);
  const Image shown = read_image(image["files"]["difference"]);
  CHECK(input.rgb == given.rgb);
  int most = 0;
  std::size_t changed = 0, wrong = 0;
  for (std::size_t i = 0; i < input.rgb.size(); ++i) {
    const int by = attacked.rgb[i] - input.rgb[i];
    most = std::max(most, std::abs(by));
    changed += by != 0;
    wrong += std::abs(random.rgb[i] - input.rgb[i]) != std::abs(by);
    wrong += shown.rgb[i] != std::clamp(128 + 16 * by, 0, 255);
  }
  CHECK(most == image["largest_change"]);
  CHECK(image["changed"].get<double>() == doctest::Approx(double(changed) / double(input.rgb.size())));
  CHECK(wrong == 0);

  CHECK(image["maps"].size() == 9);  // of ring, cross and star, in three versions
  for (const char* name : {"ring", "cross", "star"}) {
    CHECK(of_version(image, "before", name)["spearman"].is_null());
    CHECK(of_version(image, "random", name)["spearman"].get<double>() > 0.9);
    CHECK(of_version(image, "random", name)["spearman"] > of_version(image, "attacked", name)["spearman"]);
  }
  CHECK(work.names_in("out").size() == 6);
  CHECK(Json::parse(read_text(image["files"]["json"]))["images"][0] == image);
  const Image panel = read_image(image["files"]["panel"]);
  CHECK((panel.width > 5 * 224 && panel.height > 3 * 224));

  const ProcessResult again = work.run(arguments);
  CHECK(again.exit_code == 2);
  CHECK(contains(again.err, "--force overwrites results"));
  arguments.emplace_back("--force");
  CHECK(contains(work.run(arguments).out, "attacked star 100.0 % after"));
  // One level and one step are not enough, which is an answer and no error.
  const Json weak = work.run_json(
      {"attack", scene, "--model", "backlight_scenes", "--towards", "star", "--steps", "1", "--out", out});
  CHECK(weak["images"][0]["reached"] == false);
  CHECK(weak["images"][0]["steps_made"] == 1);
  CHECK(weak["images"][0]["largest_change"] == 1);
}

TEST_CASE(
    "attack: a picture of another size is attacked as the network sees it, in whatever order of channels") {
  const Workspace work;
  const std::string picture = work.picture("wide.png", 70, 50);
  const Json document = work.run_json({"attack", picture, "--weights", work.network(), "--towards", "ship",
                                       "--preprocessing", "caffe", "--steps", "2", "--out", work.str("out")});
  const Json& image = document["images"][0];
  CHECK(image["files"]["attacked"] == work.str("out/wide_towards-ship_steps2_attacked.png"));
  const Image attacked = read_image(image["files"]["attacked"]);
  CHECK((attacked.width == 32 && attacked.height == 32));
  CHECK(image["probability"].get<double>() > image["probability_before"].get<double>());
  const Json read = work.run_json({"classify", image["files"]["attacked"], "--weights", work.network(),
                                   "--preprocessing", "caffe", "--fit", "stretch", "-k", "10"});
  for (const Json& found : read["images"][0]["predictions"])
    if (found["name"] == "ship")
      CHECK(found["probability"].get<double>() == doctest::Approx(image["probability"].get<double>()));
}

TEST_CASE("attack: measured over drawn scenes and over the same scenes as files, the numbers are the same") {
  const Workspace work;
  const Json drawn =
      work.run_json({"attack", "--scenes", "3", "--seed", "4", "--steps", "6", "--out", work.str("drawn")});
  CHECK(drawn["schema"] == "backlight.attack-measurement");
  CHECK(drawn["measured"] == 3);
  CHECK(drawn["tolerance"] == 0);
  CHECK(work.names_in("drawn") == std::vector<std::string>{"agreement.csv", "attack.html", "attack.json",
                                                           "energy.csv", "example_1.jpg", "example_2.jpg",
                                                           "example_3.jpg", "false-class.csv", "outcome.csv",
                                                           "pictures.csv", "pointing.csv"});
  CHECK(statistic(drawn, "before", "energy") > 2 * statistic(drawn, "before", "area"));
  CHECK(std::isnan(statistic(drawn, "before", "spearman")));
  CHECK(statistic(drawn, "random", "spearman") > 0.9);
  CHECK(statistic(drawn, "attacked", "spearman") < statistic(drawn, "random", "spearman"));
  CHECK(statistic(drawn, "attacked", "probability_of_false_class") >
        statistic(drawn, "random", "probability_of_false_class"));
  const std::string page = read_text(work / "drawn/attack.html");
  CHECK(contains(page, "<th scope=\"row\">share of the map on the object (energy)</th>"));
  CHECK(contains(
      page, "data:image/jpeg;base64," + base64_of(work / "drawn/example_3.jpg") + "\" alt=\"scene_000002\""));

  REQUIRE(work.run({"scenes", "-n", "3", "--objects", "2", "--seed", "4", "--out", work.str("scenes")})
              .exit_code == 0);
  const Json read = work.run_json({"attack", "--data", work.str("scenes"), "--model", "backlight_scenes",
                                   "--seed", "4", "--steps", "6", "--out", work.str("read")});
  CHECK(read["data"]["format"] == "scenes");
  CHECK(read["results"] == drawn["results"]);
  CHECK(read["attack"] == drawn["attack"]);

  const ProcessResult again = work.run({"attack", "--scenes", "3", "--out", work.str("drawn")});
  CHECK(again.exit_code == 2);
  // A scene in which the class is there is left out, and said to be.
  const std::string there =
      Json::parse(read_text(work / "scenes/scene_000000.json"))["objects"][0]["class"]["name"];
  const Json others =
      work.run_json({"attack", "--data", work.str("scenes"), "--model", "backlight_scenes", "--steps", "1",
                     "--towards", there, "--out", work.str("drawn"), "--force"},
                    6);
  CHECK(others["measured"].get<int>() < 3);
  CHECK(others["errors"][0]["file"] == "scene_000000");

  // What else a class's name could mean is said once, whatever the number of its objects.
  std::string labels = "77\n", csv = "file,class,x0,y0,x1,y1\n";
  for (int c = 1; c < 10; ++c) labels += "c" + std::to_string(c) + "\n";
  for (int i = 0; i < 3; ++i) csv += "scene_00000" + std::to_string(i) + ".png,3,10,10,40,50\n";
  const ProcessResult numbered =
      work.run({"attack", "--data", work.file("scenes/boxes.csv", csv), "--boxes", "edges", "--model",
                "backlight_scenes", "--labels", work.file("names.txt", labels), "--steps", "1", "--out",
                work.str("numbered")});
  CHECK(numbered.exit_code == 0);
  const std::size_t said = numbered.err.find("3 was taken as the index of class 3 (c3)");
  REQUIRE(said != std::string::npos);
  CHECK(numbered.err.find("3 was taken as", said + 1) == std::string::npos);
}

TEST_CASE("attack: what has no meaning is refused before a network is read") {
  const Workspace work;
  const std::string picture = work.picture("a.png");
  const std::vector<std::pair<std::vector<std::string>, std::string>> refused = {
      {{}, "expected one of pictures, --scenes N and --data DATA"},
      {{picture, "--scenes", "3"}, "expected one of pictures"},
      {{picture}, "--towards CLASS says"},
      {{"--scenes", "3", "--class", "ring"}, "--class is of single pictures"},
      {{"--scenes", "3", "--json-lines"}, "--json-lines is of single pictures"},
      {{"--scenes", "3", "--pictures", "x"}, "--pictures and --boxes are of --data"},
      {{picture, "--towards", "0", "--tolerance", "3"}, "--tolerance is of --scenes and --data"},
      {{picture, "--towards", "0", "--probability", "1"}, "--probability is 1"},
      {{picture, "--towards", "0", "--epsilon", "0"}, "--epsilon"},
      {{picture, "--towards", "0", "--out", "-"}, "--out names a folder"},
  };
  for (const auto& [more, message] : refused) {
    std::vector<std::string> arguments{"attack"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProcessResult result = work.run(arguments);
    CAPTURE(result.err);
    CHECK(result.exit_code == 2);
    CHECK(contains(result.err, message));
  }
}

TEST_CASE("bias: two trainings a seed, rows of every scene, a page and a figure") {
  const Workspace work;
  const std::vector<std::string> arguments{"bias",    "--seeds",     "2",       "--scenes", "8",
                                           "--steps", "2",           "--batch", "2",        "--test-scenes",
                                           "8",       "--agreement", "0.75,1"};
  const auto into = [&](const char* folder) {
    std::vector<std::string> with = arguments;
    with.insert(with.end(), {"--out", work.str(folder)});
    return with;
  };
  const Json document = work.run_json(into("one"));
  CHECK(document["schema"] == "backlight.bias");
  CHECK(document["agreement"] == Json({0.75, 1.0}));
  CHECK(document["test"] == Json({{"scenes", 8}, {"seed", 3}}));
  CHECK(document["networks"].size() == 4);
  const std::string rows = read_text(work / "one/bias.csv");
  CHECK(std::ranges::count(rows, '\n') == 1 + 4 * 8);

  // Its numbers, from the rows.
  double right = 0, energy = 0;
  std::size_t at = rows.find('\n') + 1;
  for (int i = 0; i < 8; ++i) {
    std::vector<std::string> fields;
    for (std::size_t end = rows.find('\n', at); at < end;) {
      const std::size_t comma = std::min(rows.find(',', at), end);
      fields.push_back(rows.substr(at, comma - at));
      at = comma + 1;
    }
    REQUIRE(fields.size() == 14);
    CHECK((fields[0] == "biased" && fields[1] == "1"));
    right += fields[3] == fields[5];
    energy += std::stod(fields[7]);
  }
  CHECK(document["networks"][0]["accuracy"].get<double>() == doctest::Approx(right / 8));
  CHECK(document["networks"][0]["energy_cue"].get<double>() == doctest::Approx(energy / 8));
  const auto mean = [&](std::size_t a, std::size_t b) {
    return (document["networks"][a]["energy_cue"].get<double>() +
            document["networks"][b]["energy_cue"].get<double>()) /
           2;
  };
  const auto overall =
      std::ranges::find_if(document["overall"], [](const Json& e) { return e["name"] == "energy_cue"; });
  CHECK((*overall)["biased"]["value"].get<double>() == doctest::Approx(mean(0, 1)));
  CHECK((*overall)["balanced"]["value"].get<double>() == doctest::Approx(mean(2, 3)));
  CHECK((*overall)["difference"]["value"].get<double>() == doctest::Approx(mean(2, 3) - mean(0, 1)));
  const Image figure = read_image(work.str("one/bias.jpg"));
  CHECK(figure.height > 4 * 160);
  const std::string page = read_text(work / "one/bias.html");
  CHECK(contains(page, "<th scope=\"row\">right where the badge disagrees</th>"));
  CHECK(contains(page, "data:image/jpeg;base64," + base64_of(work / "one/bias.jpg")));

  CHECK(work.run(into("one")).exit_code == 2);
  CHECK(work.run(into("two")).exit_code == 0);
  CHECK(read_text(work / "two/bias.csv") == rows);
  CHECK(work.run({"bias", "--agreement", "1.2", "--out", work.str("three")}).exit_code == 2);
}
