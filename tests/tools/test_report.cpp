// What a report says of pictures, and how it becomes a page.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "engine/image/origin.hpp"
#include "support/contains.hpp"
#include "support/temporary_folder.hpp"
#include "tools/backlight/html.hpp"
#include "tools/report/card.hpp"
#include "tools/report/judgement.hpp"
#include "tools/report/pictures.hpp"
#include "tools/report/summary.hpp"

using namespace backlight;
using namespace backlight::tools;
using test::contains;

namespace {

/// A picture of class `truth` taken for `said` with probability p; another one for each number.
Judgement picture_of(std::int64_t truth, std::int64_t said, double p, double loss, int number) {
  Judgement judged;
  judged.name = "picture " + std::to_string(number);
  judged.annotated = {truth};
  judged.truth = truth;
  judged.best = {said};
  judged.probabilities = {p};
  judged.rank = truth == said ? 1 : 7;
  judged.loss = loss;
  return judged;
}

std::size_t count_right(const std::vector<Judgement>& of, const std::vector<std::size_t>& chosen) {
  std::size_t right = 0;
  for (const std::size_t i : chosen) right += of[i].right();
  return right;
}

}  // namespace

TEST_CASE("report: a template puts values in, escaped, by sections and names from the inside out") {
  const Json values{{"name", "a<b & \"c\">"},
                    {"n", 3},
                    {"of", {{"name", "inner"}, {"deep", {{"er", 1.5}}}}},
                    {"list", {{{"name", "x"}}, {{"other", true}}}},
                    {"words", {"p", "q"}},
                    {"none", nullptr},
                    {"empty", Json::array()},
                    {"no", false},
                    {"blank", ""}};
  CHECK(render("{{name}}|{{{name}}}|{{n}}", values) == "a&lt;b &amp; &quot;c&quot;&gt;|a<b & \"c\">|3");
  CHECK(render("{{#of}}{{name}} {{deep.er}} {{n}}{{/of}} {{of.deep.er}}", values) == "inner 1.5 3 1.5");
  CHECK(render("{{#list}}[{{name}}]{{/list}}", values) == "[x][a&lt;b &amp; &quot;c&quot;&gt;]");
  CHECK(render("{{#words}}{{.}}{{#words}}-{{/words}}{{/words}}", values) == "p--q--");
  CHECK(
      render("{{#none}}1{{/none}}{{#empty}}2{{/empty}}{{#no}}3{{/no}}{{#blank}}4{{/blank}}", values).empty());
  CHECK(render("{{^none}}1{{/none}}{{^empty}}2{{/empty}}{{^no}}3{{/no}}{{^blank}}4{{/blank}}{{^n}}5{{/n}}",
               values) == "1234");
  for (const char* wrong :
       {"{{nobody}}", "{{of.nobody}}", "{{#of}}", "{{/of}}", "{{#of}}{{#list}}{{/of}}", "{{n"}) {
    CAPTURE(wrong);
    CHECK_THROWS_AS(render(wrong, values), Error);
  }
}

TEST_CASE("report: no name can leave the text that it stands in") {
  CHECK(html_escaped("<img src=x onerror=alert(1)>") == "&lt;img src=x onerror=alert(1)&gt;");
  CHECK(html_escaped("a\xff\"b") == "a\xef\xbf\xbd&quot;b");
  CHECK(valid_utf8("\xc3\xa9\xe2\x82") == "\xc3\xa9\xef\xbf\xbd");
  const Json json{"</script><!--", "\xff"};
  CHECK_FALSE(contains(script_json(json), "<"));
  CHECK(Json::parse(script_json(json)) == Json{"</script><!--", "\xef\xbf\xbd"});
  const auto bytes = [](std::string_view text) {
    return std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  };
  for (const auto& [plain, coded] :
       std::initializer_list<std::pair<const char*, const char*>>{// RFC 4648, section 10
                                                                  {"", ""},
                                                                  {"f", "Zg=="},
                                                                  {"fo", "Zm8="},
                                                                  {"foo", "Zm9v"},
                                                                  {"foobar", "Zm9vYmFy"}})
    CHECK(base64(bytes(plain)) == coded);
  CHECK(base64(bytes("\xfb\xff\xfe")) == "+//+");
}

TEST_CASE("report: a picture is judged by its best-scored annotated class") {
  const std::vector<float> outputs{1, 3, 2, 3};
  const ClassScores scores = class_scores(outputs, ScoreFunction::softmax);
  const double sum = std::exp(1) + 2 * std::exp(3) + std::exp(2);
  const Judgement wrong = judge_scores(scores, {0, 2}, ScoreFunction::softmax);
  CHECK(wrong.truth == 2);
  CHECK(wrong.predicted() == 1);
  CHECK_FALSE(wrong.right());
  CHECK(wrong.rank == 3);
  CHECK(wrong.best == std::vector<std::int64_t>{1, 3, 2, 0});
  CHECK(wrong.loss == doctest::Approx(std::log(sum) - 2));
  CHECK(wrong.probability == doctest::Approx(std::exp(2) / sum));
  CHECK(wrong.margin == doctest::Approx((std::exp(2) - std::exp(3)) / sum));
  // The lower index among equals.
  const Judgement right = judge_scores(scores, {0, 1, 3}, ScoreFunction::softmax);
  CHECK(right.right());
  CHECK(right.margin == doctest::Approx(0));
  CHECK(judge_scores(scores, {3}, ScoreFunction::softmax).rank == 2);
  const std::vector<float> clear{0, 1};
  const Judgement sure =
      judge_scores(class_scores(clear, ScoreFunction::softmax), {1}, ScoreFunction::softmax);
  CHECK(sure.margin == doctest::Approx((std::exp(1) - 1) / (std::exp(1) + 1)));

  const Judgement each =
      judge_scores(class_scores(outputs, ScoreFunction::sigmoid), {0}, ScoreFunction::sigmoid);
  CHECK(each.loss == doctest::Approx(-std::log(1 / (1 + std::exp(-1)))));
  const std::vector<float> one{-2};
  const Judgement absent =
      judge_scores(class_scores(one, ScoreFunction::sigmoid), {1}, ScoreFunction::sigmoid);
  CHECK(absent.predicted() == 0);
  CHECK(absent.loss == doctest::Approx(std::log1p(std::exp(2))));
  // A probability of zero has a loss all the same.
  const std::vector<float> far{2000, -2000};
  for (const ScoreFunction function : {ScoreFunction::softmax, ScoreFunction::sigmoid}) {
    const double loss = judge_scores(class_scores(far, function), {1}, function).loss;
    CHECK(loss == doctest::Approx(function == ScoreFunction::softmax ? 4000 : 2000));
  }
}

TEST_CASE("report: flags by what was said and by how maps agree") {
  const auto flags = [](double p, std::size_t rank) {
    Judgement judged = picture_of(0, rank == 1 ? 0 : 1, p, 1, 0);
    judged.rank = rank;
    return flags_of(judged);
  };
  using Names = std::vector<std::string_view>;
  CHECK(flags(0.99, 1).empty());
  CHECK(flags(0.89, 5) == Names{"in-top5"});
  CHECK(flags(0.91, 6) == Names{"confident"});
  CHECK(flags(0.91, 2) == Names{"confident", "in-top5"});
  for (const auto& [agreement, flag] : std::initializer_list<std::pair<double, const char*>>{
           {0.81, "same"}, {0.79, ""}, {0.21, ""}, {0.19, "elsewhere"}, {-1, "elsewhere"}})
    CHECK(flag_of_agreement(agreement) == flag);
  CHECK(flag_of_agreement({}).empty());
}

TEST_CASE("report: what is shown is drawn by name, in halves, and sorted by loss") {
  std::vector<Judgement> pictures;
  for (int i = 0; i < 40; ++i)  // ten wrong ones of two pairs, five each
    pictures.push_back(i % 4 == 0 ? picture_of(1, i % 8 == 0 ? 2 : 3, 0.5, 1 + i, i)
                                  : picture_of(1, 1, 0.9, 0.1, i));
  const auto chosen = [&](Selection how) { return select(pictures, how); };
  const auto balanced = chosen({});
  CHECK(balanced.size() == 20);
  CHECK(count_right(pictures, balanced) == 10);
  CHECK(balanced.front() == 36);
  CHECK(balanced[9] == 0);
  CHECK(chosen({Shown::wrong}).size() == 10);
  CHECK(count_right(pictures, chosen({Shown::right})) == 30);
  CHECK(chosen({Shown::all}).size() == 40);
  const auto seven = chosen({.limit = 7});
  CHECK(seven.size() == 7);
  CHECK(count_right(pictures, seven) == 3);
  CHECK(chosen({Shown::all, 7}).size() == 7);
  const auto few = chosen({.per_pair = 2});
  CHECK(few.size() == 6);
  CHECK(count_right(pictures, few) == 2);
  CHECK(chosen({Shown::all, 5, 2}).size() == 5);
  // Others by another name, the same in any order.
  const auto names = [](const std::vector<Judgement>& of, const std::vector<std::size_t>& which) {
    std::set<std::string> all;
    for (const std::size_t i : which) all.insert(of[i].name);
    return all;
  };
  const std::vector<Judgement> reversed(pictures.rbegin(), pictures.rend());
  CHECK(names(reversed, select(reversed, {.limit = 7})) == names(pictures, seven));
  CHECK(seven != std::vector<std::size_t>(balanced.begin(), balanced.begin() + 7));
  CHECK(select({}, {}).empty());
}

TEST_CASE("report: shares, confusions, the matrix and reliability of a few pictures") {
  const std::vector<std::string> labels{"a", "b", "c"};
  std::vector<Judgement> pictures{picture_of(0, 0, 0.95, 0.25, 0), picture_of(0, 1, 0.91, 2, 1),
                                  picture_of(0, 1, 1.0, 3, 2), picture_of(1, 1, 0.35, 0.75, 3)};
  pictures[1].rank = 2;
  pictures[3].annotated = {1, 2};
  const Json summary = summary_json(pictures, labels);
  CHECK(summary["top1"]["value"] == 0.5);
  CHECK(summary["top1"]["low"].get<double>() == doctest::Approx(0.150).epsilon(0.01));  // Wilson's of 2 in 4
  CHECK(summary["top1"]["high"].get<double>() == doctest::Approx(0.850).epsilon(0.01));
  CHECK(summary["top5"]["value"] == 0.75);
  CHECK(summary["mean_loss"] == 1.5);
  CHECK(summary["several_classes"] == 1);
  REQUIRE(summary["classes"].size() == 2);
  CHECK(summary["classes"][0]["recall"]["value"].get<double>() == doctest::Approx(1.0 / 3));
  CHECK(summary["classes"][0]["precision"]["value"] == 1);
  CHECK(summary["classes"][1]["name"] == "b");
  CHECK(summary["classes"][1]["precision"]["value"].get<double>() == doctest::Approx(1.0 / 3));
  REQUIRE(summary["confusions"].size() == 1);
  CHECK(summary["confusions"][0]["count"] == 2);
  CHECK(summary["confusions"][0]["of"] == 3);
  CHECK(summary["confusions"][0]["predicted"]["name"] == "b");
  CHECK(summary["matrix"] == Json{{"classes", {0, 1}}, {"counts", {{1, 2}, {0, 1}}}});
  const Json& bins = summary["reliability"]["bins"];
  REQUIRE(bins.size() == 10);
  CHECK(bins[3]["pictures"] == 1);
  CHECK(bins[3]["accuracy"] == 1);
  CHECK(bins[9]["pictures"] == 3);  // 1.0 belongs to the last
  CHECK(bins[9]["confidence"].get<double>() == doctest::Approx(2.86 / 3));
  CHECK(bins[0]["accuracy"].is_null());
  CHECK(summary["reliability"]["error"].get<double>() == doctest::Approx((1.86 + 0.65) / 4));

  const Json none = summary_json({}, labels);
  CHECK(none["top1"].is_null());
  CHECK(none["mean_loss"].is_null());
}

TEST_CASE("report: a matrix of many classes has those with most errors, and pairs come by their count") {
  std::vector<std::string> labels;
  std::vector<Judgement> pictures;
  for (int c = 0; c < 70; ++c) {
    labels.push_back("class " + std::to_string(c));
    pictures.push_back(picture_of(c, c, 0.9, 0.1, c));
    if (c >= 60) pictures.push_back(picture_of(c, 119 - c, 0.9, 3, 100 + c));
  }
  pictures.push_back(picture_of(65, 54, 0.9, 3, 999));
  const Json summary = summary_json(pictures, labels);
  const auto classes = summary["matrix"]["classes"].get<std::vector<std::int64_t>>();
  CHECK(classes.size() == kMatrixClasses);
  CHECK(std::ranges::is_sorted(classes));
  for (const std::int64_t c : {50, 59, 60, 69}) CHECK(std::ranges::count(classes, c) == 1);
  CHECK(summary["matrix"]["counts"].size() == kMatrixClasses);
  CHECK(summary["confusions"][0]["true"]["index"] == 65);
  CHECK(summary["confusions"][0]["count"] == 2);
  CHECK(summary["confusions"].size() == 10);
}

TEST_CASE("report: pictures are in the page within the budget, and all of them beside it beyond") {
  const test::TemporaryFolder folder;
  const Image picture(20, 10, 128);
  PagePictures inside(folder.path() / "none", 1 << 20);
  CHECK(inside.add(picture) == 0);
  CHECK(inside.inside());
  CHECK(inside.source(0).starts_with("data:image/jpeg;base64,/9j/"));
  CHECK_FALSE(std::filesystem::exists(folder.path() / "none"));

  PagePictures beside(folder.path() / "pictures", inside.source(0).size() * 3 / 2);
  CHECK(beside.add(picture) == 0);
  CHECK(beside.inside());
  CHECK(beside.add(Image(20, 10, 255)) == 1);
  CHECK_FALSE(beside.inside());
  CHECK(beside.add(picture) == 2);
  CHECK(beside.source(1) == "pictures/000001.jpg");
  for (const auto& [number, grey] : {std::pair{0, 128}, std::pair{1, 255}, std::pair{2, 128}}) {
    const std::string file = (folder.path() / beside.source(static_cast<std::size_t>(number))).string();
    const Image there = read_image(file);
    CHECK(there.width == 20);
    CHECK(std::abs(there.rgb[0] - grey) <= 2);
    CHECK(is_written_by_backlight(file));
  }
}
