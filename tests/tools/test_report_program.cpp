// backlight report from end to end: its numbers against those of classify and explain, and what it refuses.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <csignal>

#include "engine/image/resize.hpp"
#include "tools/program.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// Scenes of one object, and labels.csv of them, in which the class of every third is another.
void draw_labelled(const Workspace& work, int count) {
  REQUIRE(work.run({"scenes", "--count", std::to_string(count), "--seed", "5", "--objects", "1", "--out",
                    work.str("scenes")})
              .exit_code == 0);
  std::string csv = "file,class,x0,y0,x1,y1\n";
  for (int i = 0; i < count; ++i) {
    const std::string name = "scene_" + std::string(i < 10 ? "00000" : "0000") + std::to_string(i);
    const Json object = Json::parse(read_text(work / ("scenes/" + name + ".json")))["objects"][0];
    const int index = (object["class"]["index"].get<int>() + (i % 3 == 0 ? 1 : 0)) % 10;
    csv += name + ".png," + std::to_string(index);
    for (const char* edge : {"x0", "y0", "x1", "y1"})
      csv += "," + std::to_string(object["box"][edge].get<double>());
    csv += "\n";
  }
  work.file("scenes/labels.csv", csv);
}

std::vector<std::string> report_on(const Workspace& work, const char* data, std::vector<std::string> more) {
  std::vector<std::string> arguments{"report",           work.str(data), "--model",
                                     "backlight_scenes", "--out",        work.str("out")};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

double overlap(const Json& a, const Json& b) {
  const auto edge = [](const Json& box, const char* name) { return box[name].get<double>(); };
  const auto area = [&](const Json& box) {
    return (edge(box, "x1") - edge(box, "x0")) * (edge(box, "y1") - edge(box, "y0"));
  };
  const double w = std::min(edge(a, "x1"), edge(b, "x1")) - std::max(edge(a, "x0"), edge(b, "x0"));
  const double h = std::min(edge(a, "y1"), edge(b, "y1")) - std::max(edge(a, "y0"), edge(b, "y0"));
  const double both = std::max(w, 0.0) * std::max(h, 0.0);
  return both / (area(a) + area(b) - both);
}

/// Mean difference of all samples of two files, of which the second is resized to the first.
double difference(const fs::path& a, const fs::path& b) {
  const Image one = read_image(a.string()), other = resize(read_image(b.string()), one.width, one.height);
  double sum = 0;
  for (std::size_t i = 0; i < one.rgb.size(); ++i) sum += std::abs(one.rgb[i] - other.rgb[i]);
  return sum / static_cast<double>(one.rgb.size());
}

bool has_flag(const Json& picture, const char* name) {
  return std::ranges::count(picture["flags"], Json(name)) == 1;
}

}  // namespace

TEST_CASE("report: numbers, maps and boxes are those of classify and explain") {
  const Workspace work;
  draw_labelled(work, 12);
  const Json json =
      work.run_json(report_on(work, "scenes/labels.csv", {"--boxes", "edges", "--only", "all", "--json"}));
  CHECK(json["schema"] == "backlight.report");
  CHECK(json == Json::parse(read_text(work / "out/report.json")));
  CHECK(json["counts"] == Json{{"read", 12}, {"failed", 0}, {"shown", 12}});
  CHECK(json["interrupted"] == false);
  CHECK(json["layer"].is_string());

  const Json classified =
      work.run_json({"classify", work.str("scenes"), "--model", "backlight_scenes", "--json"})["images"];
  REQUIRE(classified.size() == 12);
  int right = 0;
  double loss = 0;
  for (std::size_t i = 0; i < 12; ++i) {
    const Json& picture = json["pictures"][i];
    CAPTURE(picture.dump());
    const Json& best = classified[i]["predictions"];
    CHECK(contains(classified[i]["file"].get<std::string>(), picture["file"].get<std::string>()));
    CHECK(picture["predictions"] == best);
    CHECK(picture["predicted"]["index"] == best[0]["index"]);
    CHECK(picture["right"] == (i % 3 != 0));  // the network is right about these scenes
    CHECK(picture["loss"].get<double>() ==
          doctest::Approx(-std::log(picture["true"]["probability"].get<double>())));
    const std::size_t rank = picture["true"]["rank"];
    if (rank <= 5) CHECK(best[rank - 1]["index"] == picture["true"]["index"]);
    CHECK(has_flag(picture, "in-top5") == (rank > 1 && rank <= 5));
    CHECK(has_flag(picture, "confident") == (rank > 1 && best[0]["probability"] > 0.9));
    right += picture["right"].get<bool>();
    loss += picture["loss"].get<double>();

    const Json& maps = picture["maps"];
    CHECK(maps["agreement"].is_null() == picture["right"].get<bool>());
    CHECK(maps["box"].contains("true") == !picture["right"].get<bool>());
    CHECK(has_flag(picture, "same") == (maps["agreement"].is_number() && maps["agreement"] > 0.8));
    CHECK(has_flag(picture, "elsewhere") == (maps["agreement"].is_number() && maps["agreement"] < 0.2));
  }
  CHECK(json["summary"]["top1"]["value"].get<double>() == doctest::Approx(right / 12.0));
  CHECK(json["summary"]["mean_loss"].get<double>() == doctest::Approx(loss / 12));

  // The first is wrong; both of its maps.
  const Json& wrong = json["pictures"][0];
  const Json explained = work.run_json({"explain", work.str("scenes/scene_000000.png"), "--model",
                                        "backlight_scenes", "--box", "--json", "--out", work.str("explained"),
                                        "--class", "index:" + wrong["predicted"]["index"].dump(), "--class",
                                        "index:" + wrong["true"]["index"].dump()})["images"][0]["results"];
  CHECK(wrong["maps"]["box"]["predicted"] == explained[0]["box"]);
  CHECK(wrong["maps"]["box"]["true"] == explained[1]["box"]);
  CHECK(wrong["maps"]["positive_evidence"]["predicted"] == explained[0]["positive_evidence"]);
  const Json truth = Json::parse(read_text(work / "scenes/scene_000000.json"))["objects"][0]["box"];
  CHECK(wrong["maps"]["iou"]["predicted"].is_null());  // nothing of that class is annotated
  if (!explained[1]["box"].is_null())
    CHECK(wrong["maps"]["iou"]["true"].get<double>() == doctest::Approx(overlap(explained[1]["box"], truth)));
  CHECK(json["pictures"][1]["maps"]["iou"]["predicted"].get<double>() ==
        doctest::Approx(
            overlap(json["pictures"][1]["maps"]["box"]["predicted"],
                    Json::parse(read_text(work / "scenes/scene_000001.json"))["objects"][0]["box"])));

  const std::string csv = read_text(work / "out/report.csv");
  CHECK(std::ranges::count(csv, '\n') == 13);
  CHECK(contains(csv, "\n\"scene_000001.png\",true," + json["pictures"][1]["true"]["index"].dump() + ","));
  const std::string page = read_text(work / "out/report.html");
  CHECK(contains(page, "data:image/jpeg;base64,"));
  CHECK(contains(page, json["model"]["weights_sha256"].get<std::string>()));

  // Four are wrong: as many that are right. What is there stays.
  CHECK(work.run(report_on(work, "scenes/labels.csv", {"--boxes", "edges"})).exit_code == 2);
  CHECK(read_text(work / "out/report.html") == page);
  const Json few = work.run_json(
      report_on(work, "scenes/labels.csv",
                {"--boxes", "edges", "--force", "--json", "--preset", "torch-cam", "--budget", "0"}));
  CHECK(few["counts"]["shown"] == 8);
  CHECK(few["pictures"].size() == 12);
  CHECK(few["pictures"][0]["maps"].is_object());
  // That preset has no Guided Grad-CAM; four and two pictures a card, beside the page.
  CHECK(work.names_in("out/report_pictures").size() == 4 * 4 + 4 * 2);
  const std::string small = read_text(work / "out/report.html");
  CHECK(contains(small, "src=\"report_pictures/000000.jpg\""));
  CHECK_FALSE(contains(small, "data:image"));

  // A smaller report leaves no picture of a larger one, and what is not of a report stays.
  work.file("out/report_pictures/000009.jpg", "mine");
  using Names = std::vector<std::string>;
  const auto smaller = [&](const char* budget) {
    const std::vector<std::string> more{"--boxes", "edges",    "--force",   "--only",   "right", "--limit",
                                        "1",       "--preset", "torch-cam", "--budget", budget};
    CHECK(work.run(report_on(work, "scenes/labels.csv", more)).exit_code == 0);
    return work.names_in("out/report_pictures");
  };
  CHECK(smaller("0") == Names{"000000.jpg", "000001.jpg", "000009.jpg"});
  CHECK(smaller("1") == Names{"000009.jpg"});
  fs::remove(work / "out/report_pictures/000009.jpg");
  CHECK(work.run(report_on(work, "scenes/labels.csv", {"--boxes", "edges", "--force"})).exit_code == 0);
  CHECK_FALSE(fs::exists(work / "out/report_pictures"));
}

TEST_CASE("report: the pictures of a card are those that explain makes, made smaller") {
  int width = 0, height = 0;  // the crop cuts other sides of each
  SUBCASE("wide") { width = 600, height = 400; }
  SUBCASE("tall") { width = 400, height = 600; }
  const Workspace work;
  const std::string net = work.network();
  work.picture("data/3/big.png", width, height);
  const Json json = work.run_json({"report", work.str("data"), "--weights", net, "--preset", "torch-cam",
                                   "--only", "all", "--budget", "0", "--json", "--out", work.str("out")});
  REQUIRE(json["pictures"][0]["right"] == false);
  const std::string said = "index:" + json["pictures"][0]["predicted"]["index"].dump();
  std::vector<fs::path> of_explain{work / "data/3/big.png"};
  for (const std::vector<std::string>& question : {std::vector<std::string>{"--class", said},
                                                   {"--class", "index:3"},
                                                   {"--class", said, "--against", "index:3"}}) {
    std::vector<std::string> arguments{
        "explain", work.str("data/3/big.png"), "--weights", net, "--preset", "torch-cam",
        "--out",   work.str("explained"),      "--json"};
    arguments.insert(arguments.end(), question.begin(), question.end());
    of_explain.emplace_back(
        work.run_json(arguments)["images"][0]["results"][0]["files"]["overlay"].get<std::string>());
  }
  CHECK(work.names_in("out/report_pictures").size() == 4);
  const Image small = read_image(work.str("out/report_pictures/000000.jpg"));
  CHECK(std::max(small.width, small.height) == 256);
  CHECK(std::min(small.width, small.height) == 171);
  for (int i = 0; i < 4; ++i)
    for (int k = 0; k < 4; ++k) {
      CAPTURE(i);
      CAPTURE(k);
      const double far = difference(work / ("out/report_pictures/00000" + std::to_string(i) + ".jpg"),
                                    of_explain[static_cast<std::size_t>(k)]);
      if (i == k)
        CHECK(far < 5);
      else
        CHECK(far > 5);
    }
}

TEST_CASE("report: a box that the prediction does not look at is flagged") {
  const Workspace work;
  draw_labelled(work, 2);
  const std::string line = "scene_000001.png,";
  const std::string csv = read_text(work / "scenes/labels.csv");
  const auto at = csv.find(line);
  const std::string index = csv.substr(at + line.size(), 1);
  // In the corner, where no scene has an object; then all of the picture.
  for (const auto& [box, flagged] : {std::pair{"0,0,2,2", true}, std::pair{"0,0,96,96", false}}) {
    work.file("scenes/boxed.csv", "file,class,x0,y0,x1,y1\n" + line + index + "," + box + "\n");
    const Json json = work.run_json(
        report_on(work, "scenes/boxed.csv", {"--boxes", "edges", "--only", "all", "--force", "--json"}));
    CHECK(has_flag(json["pictures"][0], "outside") == flagged);
  }
}

TEST_CASE("report: what it cannot use is said, and what is wrong with a picture is its own") {
  const Workspace work;
  draw_labelled(work, 3);
  const auto fails = [&](const char* data, int exit_code, std::vector<std::string> more, const char* says) {
    const ProcessResult result = work.run(report_on(work, data, std::move(more)));
    CAPTURE(result.err);
    CHECK(result.exit_code == exit_code);
    CHECK(contains(result.err, says));
  };
  fs::create_directories(work / "plain");
  fs::copy(work / "scenes/scene_000000.png", work / "plain/a.png");
  fails("plain", 3, {}, "pictures in folders that name their classes");
  fails("scenes/labels.csv", 2, {}, "boxes");
  fails("scenes", 2, {"--only", "wrng"}, "wrong, right, all");
  fails("scenes", 4, {"--preset", "paper-code"}, "paper-code");
  fails("scenes", 2, {"--layer", "nowhere"}, "nowhere");
  CHECK_FALSE(fs::exists(work / "out"));

  for (const char* folder : {"folders/3", "folders/no such class", "unknown/what"})
    fs::create_directories(work / folder);
  fs::copy(work / "scenes/scene_000000.png", work / "folders/3/good.png");
  fs::copy(work / "scenes/scene_000001.png", work / "folders/no such class/lost.png");
  fs::copy(work / "scenes/scene_000001.png", work / "unknown/what/lost.png");
  work.file("folders/3/bad.png", read_text(work / "scenes/scene_000001.png").substr(0, 60));
  fails("unknown", 3, {}, "none of its pictures could be judged");
  const Json json = work.run_json(report_on(work, "folders", {"--json", "--only", "all"}), 6);
  CHECK(json["counts"] == Json{{"read", 1}, {"failed", 2}, {"shown", 1}});
  REQUIRE(json["errors"].size() == 2);
  CHECK(json["errors"][0]["file"] == "3/bad.png");
  CHECK(contains(json["errors"][1]["message"].get<std::string>(), "no such class"));
  CHECK(contains(read_text(work / "out/report.html"), "no such class/lost.png"));

  // The data are never written to.
  fs::rename(work / "scenes/labels.csv", work / "scenes/report.csv");
  const std::string data = read_text(work / "scenes/report.csv");
  const ProcessResult onto = work.run({"report", work.str("scenes/report.csv"), "--boxes", "edges", "--model",
                                       "backlight_scenes", "--out", work.str("scenes"), "--force"});
  CHECK(onto.exit_code == 2);
  CHECK(read_text(work / "scenes/report.csv") == data);
}

TEST_CASE("report: a signal ends it with what was judged") {
  const Workspace work;
  draw_labelled(work, 1);
  fs::create_directories(work / "many/3");
  for (int i = 0; i < 3000; ++i)
    fs::create_symlink(work / "scenes/scene_000000.png", work / ("many/3/" + std::to_string(i) + ".png"));
  const std::string script = R"(
    "$1" report "$2/many" --model backlight_scenes --out "$2/out" & program=$!
    until [ -d "$2/out" ]; do sleep 0.05; done
    sleep 0.3
    kill -TERM $program
    wait $program)";
  const ProcessResult result =
      run_process({"/bin/bash", "-c", script, "script", BACKLIGHT_PROGRAM, work.str(".")});
  CHECK(result.exit_code == 128 + SIGTERM);
  CHECK(contains(result.err, "interrupted"));
  const Json json = Json::parse(read_text(work / "out/report.json"));
  CHECK(json["interrupted"] == true);
  CHECK(json["counts"]["read"] < 3000);
  CHECK(json["pictures"].size() == json["counts"]["read"].get<std::size_t>());
  CHECK(contains(read_text(work / "out/report.html"), "interrupted"));
}
