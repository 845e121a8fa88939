// backlight study from end to end: pages that do not tell, the key that does, and what answers come to.
#include <doctest/doctest.h>

#include <map>
#include <set>

#include "tools/program.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// What a page holds for its script.
Json data_of(const std::string& page) {
  const std::string begin = "id=\"study\">";
  const std::size_t at = page.find(begin) + begin.size();
  return Json::parse(page.substr(at, page.find("</script>", at) - at));
}

std::string lower_case(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

std::string without_pictures(std::string page) {
  const std::string begin = "base64,";
  for (std::size_t at = 0; (at = page.find(begin, at)) != std::string::npos; ++at)
    page.erase(at, page.find('"', at) - at);
  return page;
}

std::uint8_t digit_of(char c) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  return static_cast<std::uint8_t>(kDigits.find(c));
}

/// The first bytes behind `data:image/png;base64,`: signature, size, and how samples are coded.
std::string png_head(const std::string& url) {
  REQUIRE(url.starts_with("data:image/png;base64,"));
  const std::string digits = url.substr(22, 44);
  std::string bytes;
  for (std::size_t i = 0; i + 3 < digits.size(); i += 4) {
    const std::uint32_t three =
        static_cast<std::uint32_t>(digit_of(digits[i]) << 18 | digit_of(digits[i + 1]) << 12 |
                                   digit_of(digits[i + 2]) << 6 | digit_of(digits[i + 3]));
    for (int k = 16; k >= 0; k -= 8) bytes += static_cast<char>(three >> k & 255);
  }
  return bytes.substr(0, 29);
}

Json make(const Workspace& work, std::vector<std::string> more) {
  std::vector<std::string> arguments{"study", "make"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  arguments.insert(arguments.end(),
                   {"--items", "10", "--limit", "40", "--participants", "16", "--out", work.str("out")});
  const ProcessResult result = work.run(arguments);
  CAPTURE(result.err);
  REQUIRE(result.exit_code == 0);
  return Json::parse(read_text(work / "out/key.json"));
}

/// The page says no technique, no class of an item, no file and no side; all its pictures are of one make.
void check_blind(const Workspace& work, const Json& key, std::size_t trials) {
  std::set<std::string> codes, hashes;
  for (const Json& page : key["pages"]) {
    const std::string text = read_text(work / ("out/" + page["file"].get<std::string>()));
    const Json data = data_of(text);
    CHECK(data["page_hash"] == page["page_hash"]);
    CHECK(hashes.insert(data["page_hash"]).second);
    CHECK_FALSE(contains(text, "break after every"));  // of 12 questions there is none
    // Pictures are random letters, which may spell anything.
    const std::string lower = lower_case(without_pictures(text));
    for (const std::string word :
         {"grad-cam", "gradcam", "guided", "deconv", "backprop", "technique", "correct", "scene", "network",
          ".png", ".safetensors", "http", "probability", "seed"}) {
      CAPTURE(word);
      CHECK_FALSE(contains(lower, word));
    }
    std::set<std::string> heads;
    for (const Json& trial : data["trials"]) {
      CHECK(codes.insert(trial["code"]).second);
      // What there is of a question: nothing beside these.
      CHECK(trial.size() == 3);
      CHECK((trial.contains("labels") || trial.contains("said")));
      for (const Json& url : trial["images"]) heads.insert(png_head(url));
    }
    CHECK(heads.size() == 1);
    CHECK(heads.begin()->substr(1, 3) == "PNG");
    CHECK(data["trials"].size() == trials);
  }
  CHECK(codes.size() == key["items"].size());
}

std::map<std::string, Json> items_of(const Json& key) {
  std::map<std::string, Json> items;
  for (const Json& item : key["items"]) items[item["code"]] = item;
  return items;
}

/// A file of answers as the page saves it: of discrimination always right; of trust +1 or +2, for what stands right.
std::string answers(const Workspace& work, const Json& key, std::size_t person) {
  const auto items = items_of(key);
  const Json& of = key["people"][person];
  Json records = Json::array();
  for (const Json& code : of["order"])
    records.push_back({{"study", key["study"]},
                       {"schema_version", 1},
                       {"participant", of["participant"]},
                       {"list", of["list"]},
                       {"item", code},
                       {"order", records.size()},
                       {"answer", items.at(code)["correct_side"]},
                       {"rt_ms", 900},
                       {"page_hash", key["pages"][of["list"].get<std::size_t>()]["page_hash"]}});
  return work.file("answers" + std::to_string(person) + ".json", Json{{"records", records}}.dump());
}

}  // namespace

TEST_CASE("study: discrimination on drawn scenes, from pages that do not tell to the table") {
  const Workspace work;
  const Json key = make(work, {"discrimination"});
  CHECK(key["design"]["networks"][0]["architecture"] == "backlight_scenes");
  CHECK(key["design"]["networks"][0]["top1"] > 0.9);
  CHECK(key["pages"].size() == 8);
  check_blind(work, key, 12);
  const auto items = items_of(key);
  std::map<int, std::set<std::string>> classes;
  std::set<std::string> pictures_of_check;
  int second = 0;
  for (const Json& page : key["pages"]) {
    const Json data = data_of(read_text(work / ("out/" + page["file"].get<std::string>())));
    for (const Json& trial : data["trials"]) {
      const Json& item = items.at(trial["code"]);
      const std::size_t side = item["correct_side"].get<std::size_t>() - 1;
      CHECK(trial["labels"][side] == item["class"]);
      if (item["check"]) {
        pictures_of_check.insert(trial["images"][0]);
        continue;
      }
      CHECK(trial["labels"][1 - side] == item["other"]);
      CHECK(item["probability"] >= 0.05);
      classes[item["item"]].insert(item["class"]);
      second += side == 1;
    }
  }
  CHECK(pictures_of_check.size() == 2);
  CHECK(classes.size() == 10);
  for (const auto& [item, both] : classes) CHECK(both.size() == 2);
  CHECK(second > 20);
  CHECK(second < 60);
  // The same again, to the byte; nothing is overwritten unasked; another seed is another study.
  CHECK(work.run({"study", "make", "discrimination", "--out", work.str("out")}).exit_code == 2);
  CHECK(make(work, {"discrimination", "--force"}) == key);
  CHECK(make(work, {"discrimination", "--force", "--seed", "2"})["study"] != key["study"]);
  make(work, {"discrimination", "--force"});

  const std::string one = answers(work, key, 0), two = answers(work, key, 1);
  const std::string torn = work.file("torn.json", read_text(one).substr(0, 200));
  const std::vector<std::string> analyse{
      "study", "analyse",        one, torn, two, "--key", work.str("out/key.json"), "--draws", "200",
      "--out", work.str("found")};
  std::vector<std::string> quiet = analyse;
  quiet.emplace_back("--json");
  const Json found = work.run_json(quiet, 6);
  CHECK(found["schema"] == "backlight.study_analysis");
  CHECK(found["kept"]["ratings"] == 20);
  CHECK(found["kept"]["techniques"][0]["share"] == 1);
  CHECK(found["problems"][0]["file"] == torn);
  CHECK(found == Json::parse(read_text(work / "found/analysis.json")));
  CHECK(contains(read_text(work / "found/answers.csv"), ",guided-grad-cam,"));
  CHECK(work.run(analyse).exit_code == 2);  // it is there
  CHECK(work.run({"study", "analyse", torn, "--key", work.str("out/key.json"), "--out", work.str("none")})
            .exit_code == 3);
  CHECK(work.run({"study", "analyse", one, "--key", one, "--out", work.str("none")}).exit_code == 3);
}

TEST_CASE(
    "study: classes of one name are told apart by all of their label, and not asked about where that is "
    "one") {
  const Workspace work;
  REQUIRE(work.run({"scenes", "--count", "40", "--seed", "5", "--objects", "2", "--out", work.str("scenes")})
              .exit_code == 0);
  std::string csv = "file,class\n";
  for (const std::string& name : work.names_in("scenes")) {
    if (!name.ends_with(".json")) continue;
    const Json scene = Json::parse(read_text(work / ("scenes/" + name)));
    for (const Json& object : scene["objects"])
      csv += name.substr(0, name.size() - 4) + "png," + object["class"]["index"].dump() + "\n";
  }
  work.file("scenes/classes.csv", csv);
  const auto names_of = [&](const std::string& first, const std::string& second) {
    std::string labels = first + "\n" + second + "\n";
    for (int c = 2; c < 10; ++c) labels += "c" + std::to_string(c) + "\n";
    const Json key = make(work, {"discrimination", work.str("scenes/classes.csv"), "--force", "--model",
                                 "backlight_scenes", "--labels", work.file("names.txt", labels)});
    std::set<std::string> names;
    for (const Json& item : key["items"])
      if (!item["check"]) names.insert(item["class"]);
    return names;
  };
  const std::set<std::string> apart = names_of("thing, round", "thing, square");
  CHECK(apart.contains("thing, round"));
  CHECK(apart.contains("thing, square"));
  for (const std::string& name : names_of("thing", "Thing")) CHECK(name.starts_with("c"));
}

TEST_CASE("study: trust between two networks, of a folder of pictures that are annotated") {
  const Workspace work;
  REQUIRE(work.run({"scenes", "--count", "80", "--seed", "5", "--out", work.str("scenes")}).exit_code == 0);
  // Beside the network that ships, one that calls everything alike; both are right about what is so called.
  const std::string weak = work.str("weak.safetensors");
  REQUIRE(work.run({"train", "--steps", "1", "--batch", "2", "--evaluate", "1", "--out", weak}).exit_code ==
          0);
  const ProcessResult alone =
      work.run({"study", "make", "trust", work.str("scenes"), "--model", "backlight_scenes"});
  CHECK(alone.exit_code == 2);
  CHECK(contains(alone.err, "trust compares two networks"));
  CHECK(contains(alone.err, "backlight train --steps"));
  const std::vector<std::string> both{"--weights", weak, "--model", "backlight_scenes"};
  const auto make_of = [&](const char* items) {
    return work.run({"study", "make", "trust", work.str("scenes"), "--items", items, "--weights", weak,
                     "--model", "backlight_scenes", "--out", work.str("out")});
  };
  const ProcessResult few = make_of("30");
  CHECK(few.exit_code == 3);
  CHECK(contains(few.err, "of 80 pictures serve, expected 32"));
  CHECK_FALSE(fs::exists(work / "out"));

  REQUIRE(make_of("2").exit_code == 0);
  const Json key = Json::parse(read_text(work / "out/key.json"));
  CHECK(key["pages"].size() == 4);
  CHECK(key["design"]["better"] == 0);  // those by name come first
  CHECK(key["design"]["networks"][0]["top1"] > 0.9);
  CHECK(key["design"]["networks"][1]["top1"] < 0.3);
  check_blind(work, key, 4);
  // On two lists of four a technique's two pictures are the same two, the other way round.
  std::map<std::pair<int, std::string>, std::map<int, Json>> images;
  const auto items = items_of(key);
  for (const Json& page : key["pages"]) {
    const Json data = data_of(read_text(work / ("out/" + page["file"].get<std::string>())));
    for (const Json& trial : data["trials"]) {
      const Json& item = items.at(trial["code"]);
      CHECK(trial["said"] == item["class"]);
      if (!item["check"]) images[{item["item"], item["technique"]}][item["correct_side"]] = trial["images"];
    }
  }
  CHECK(images.size() == 4);
  for (const auto& [of, sides] : images) {
    REQUIRE(sides.size() == 2);
    CHECK(sides.at(1)[0] == sides.at(2)[1]);
    CHECK(sides.at(1)[1] == sides.at(2)[0]);
    CHECK(sides.at(1)[0] != sides.at(1)[1]);
  }
  const Json found =
      work.run_json({"study", "analyse", answers(work, key, 0), "--key", work.str("out/key.json"), "--draws",
                     "100", "--out", work.str("found"), "--json"});
  CHECK(found["kind"] == "trust");
  CHECK(found["all"]["ratings"] == 2);
}
