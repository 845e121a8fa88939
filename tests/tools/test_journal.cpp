// Statistics of rows, and rows that outlive a run.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <numeric>
#include <set>

#include "support/contains.hpp"
#include "support/golden.hpp"
#include "support/temporary_folder.hpp"
#include "tools/evaluate/journal.hpp"
#include "tools/evaluate/measures.hpp"
#include "tools/evaluate/report.hpp"

using namespace backlight;
using namespace backlight::tools;
using test::contains;

namespace {

constexpr double kEmpty = std::numeric_limits<double>::quiet_NaN();

std::string content_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

void cut_file(const std::filesystem::path& file, std::size_t bytes) {
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - bytes);
}

double of_all(const Statistic& statistic, std::size_t pictures) {
  std::vector<std::int64_t> all(pictures);
  std::iota(all.begin(), all.end(), 0);
  return statistic.of(all);
}

}  // namespace

TEST_CASE("statistics: means over rows and over classes, and what is a share") {
  const std::vector<MeasureRows> rows{{{7, {1, 0.5}}, {8, {0, 1}}}, {}, {{7, {0, kEmpty}}}, {{7, {0, 0}}}};
  const Statistic pairs = mean_statistic("pairs", rows, 0), some = mean_statistic("some", rows, 1);
  CHECK(of_all(pairs, 4) == 0.25);
  CHECK(of_all(some, 4) == 0.5);
  CHECK(some.of(std::vector<std::int64_t>{0, 0, 3}) == 3.0 / 5);
  CHECK(std::isnan(some.of(std::vector<std::int64_t>{1, 2})));
  const Statistic classes =
      class_mean_statistic("classes", rows, [](const MeasureRow& row) { return row.values[0]; });
  CHECK(of_all(classes, 4) == doctest::Approx((1.0 / 3 + 0) / 2));
  CHECK(classes.of(std::vector<std::int64_t>{0, 3}) == 0.25);
  CHECK(classes.of(std::vector<std::int64_t>{2, 3}) == 0);
  CHECK(std::isnan(classes.of(std::vector<std::int64_t>{1})));
  const std::span single = std::span(rows).subspan(1);
  CHECK(share_statistic("share", single, 0).share == std::pair<std::int64_t, std::int64_t>(0, 2));
  CHECK(share_statistic("share", rows, 1).share == std::nullopt);  // two of one picture
  CHECK(of_all(share_statistic("share", rows, 0), 4) == 0.25);
  CHECK_FALSE(share_statistic("share", single.first(1), 0).share);  // of no picture
  CHECK_FALSE(mean_statistic("mean", single, 0).share);             // whatever its values
}

TEST_CASE("statistics: a measure says which of its numbers are shares, whatever the values") {
  const auto shares_of = [](const Measure& measure) {
    std::vector<double> values(measure.columns().size());
    const std::vector<MeasureRows> rows{{{1, values}}, {{1, values}}};
    std::set<std::string> names;
    for (const Statistic& statistic : measure.statistics(rows))
      if (statistic.share) names.insert(statistic.name);
    return names;
  };
  using Names = std::set<std::string>;
  CHECK(shares_of(*make_localization({.guesses = 5})) ==
        Names{"gt_known", "no_evidence", "top1_class_error", "top1_error", "top1_error_both",
              "top1_error_box", "top1_error_label", "top5_class_error", "top5_error", "top5_error_both",
              "top5_error_box", "top5_error_label"});
  CHECK(shares_of(*make_pointing({})) == Names{"no_evidence", "pointing_pairs"});
  CHECK(shares_of(*make_drop({})) == Names{"increase", "win"});
  CHECK(shares_of(*make_occlusion({})) == Names{"constant"});
  CHECK(shares_of(*make_energy({})).empty());
  CHECK(shares_of(*make_sparseness({})).empty());
}

TEST_CASE(
    "statistics: ILSVRC's error by its causes, the best threshold of all pictures, a curve of rejection") {
  const auto named = [](const std::vector<Statistic>& statistics, const std::string& name,
                        std::size_t pictures) {
    const auto at = std::ranges::find(statistics, name, &Statistic::name);
    REQUIRE(at != statistics.end());
    return of_all(*at, pictures);
  };
  // Label, box, located of one guess: right; the label alone is wrong; the box alone; both; right label and right box,
  // but not of one object. The second picture has two classes, of which one has no evidence.
  const auto row = [](double iou, std::vector<double> verdict) {
    MeasureRow of{1, {0, 0, 9, 9, iou, double(iou >= 0.5)}};
    of.values.insert(of.values.end(), verdict.begin(), verdict.end());
    of.values.resize(12, kEmpty);
    return of;
  };
  std::vector<MeasureRows> rows{{row(0.75, {1, 1, 1})},
                                {row(0.75, {0, 1, 0})},
                                {row(0.25, {1, 0, 0})},
                                {row(0.25, {0, 0, 0})},
                                {row(0.25, {1, 1, 0})}};
  rows[1].push_back({2, std::vector<double>(12, kEmpty)});
  rows[1][1].values[4] = rows[1][1].values[5] = 0;
  const std::vector<Statistic> localization = make_localization({})->statistics(rows);
  const std::vector<std::pair<const char*, double>> expected{
      {"gt_known", 2.0 / 6},     {"gt_known_iou", 2.25 / 6}, {"top1_error", 0.8},
      {"top1_error_label", 0.2}, {"top1_error_box", 0.4},    {"top1_error_both", 0.2},
      {"top1_class_error", 0.4}, {"no_evidence", 1.0 / 6}};
  for (const auto& [name, value] : expected) {
    CAPTURE(name);
    CHECK(named(localization, name, 5) == doctest::Approx(value));
  }

  // Each picture has another best threshold; at 0.3 two of three are found, by overlaps that are just enough.
  std::vector<MeasureRows> overlaps;
  for (const int best : {29, 30, 60}) {
    MeasureRow of{1, std::vector<double>(200)};
    of.values[80] = 0.49;  // where all would be found if less were enough
    for (int k = best - 3; k <= best; ++k) of.values[static_cast<std::size_t>(k)] = 0.5;
    for (int k = best; k <= best + 3; ++k) of.values[static_cast<std::size_t>(100 + k)] = 0.7;
    overlaps.push_back({of});
  }
  const auto max_box = make_max_box({});
  CHECK(named(max_box->statistics(overlaps), "max_box_acc", 3) == doctest::Approx(2.0 / 3));
  CHECK(named(max_box->statistics(overlaps), "max_box_acc_v2", 3) == doctest::Approx(2.0 / 3));
  const std::vector<Curve> curves = max_box->curves(overlaps);
  REQUIRE(curves.front().points.size() == 100);
  CHECK(curves.front().points[29].first == doctest::Approx(0.3));
  CHECK(curves.front().points[29].second == doctest::Approx(2.0 / 3));
  CHECK(curves.front().points[60].second == doctest::Approx(1.0 / 3));
  CHECK(curves.front().points[61].second == 0);

  // wsolevaluation's evaluator, of what its boxes overlap.
  std::vector<MeasureRows> theirs;
  for (const std::string name : {"coarse", "rectified", "wide", "noise", "fine", "constant"}) {
    MeasureRow& of_case = theirs.emplace_back().emplace_back();
    for (const char* kind : {".largest", ".best"}) {
      const Tensor overlap = test::golden("localization", name + kind);
      of_case.values.insert(of_case.values.end(), overlap.values().begin(), overlap.values().end());
    }
  }
  const Tensor largest = test::golden("localization", "max_box_acc.largest"),
               best = test::golden("localization", "max_box_acc.best");
  const std::vector<Statistic> clovaai = make_max_box({.clovaai = true})->statistics(theirs);
  CHECK(named(clovaai, "max_box_acc", 6) == doctest::Approx(largest.values()[1]));
  CHECK(named(clovaai, "max_box_acc_v2", 6) ==
        doctest::Approx(std::accumulate(best.values().begin(), best.values().end(), 0.0) / 3));

  const auto rejection = make_rejection({});
  const std::vector<MeasureRows> cases{{{1, {4, 1, 1}}, {2, {1, 0, 0}}}, {{1, {2, 1, 0}}, {3, {3, 0, 0}}}};
  CHECK(named(rejection->statistics(cases), "rejection_best", 2) == 0.75);
  // Seven of eight are right where the first picture counts thrice.
  const std::vector<std::int64_t> drawn{0, 1, 0, 0};
  CHECK(rejection->statistics(cases).front().of(drawn) == 0.875);
  CHECK(rejection->curves(cases).front().points[1] == std::pair(2.0, 0.5));
}

TEST_CASE("journal: a run that was cut off anywhere goes on with nothing twice and nothing lost") {
  std::vector<std::unique_ptr<Measure>> measures;
  measures.push_back(make_pointing({}));
  measures.push_back(make_energy({}));
  const std::vector<std::string> candidates{"grad-cam", "random"};
  const auto findings = [](double v) {
    PictureFindings found{40, 30, 5, v, {}};
    found.rows.push_back({{{1, {v, 2, 1, 0}}, {2, {kEmpty, kEmpty, 0, 0}}}, {{1, {3, 4, 0, 1}}}});
    found.rows.push_back({{{1, {v / 3, 0.25, 1e-17, 0, 1, 0, v}}}, {}});
    return found;
  };
  const std::vector<std::string> names{"a.png", "b, \"c\".png", "d.png"};
  const test::TemporaryFolder folder;
  const std::filesystem::path out = folder.path();
  const auto run = [&](bool resume) {
    Journal journal(out, measures, candidates, resume);
    int written = 0;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (const PictureFindings* found = journal.find(names[i])) {
        // What is read back has the bits of what was written.
        const PictureFindings expected = findings(double(i) + 0.1);
        CHECK(found->probability == expected.probability);
        CHECK(found->rows[1][0][0].values == expected.rows[1][0][0].values);
        REQUIRE(found->rows[0][0].size() == 2);
        CHECK(found->rows[0][0][1].index == 2);
        CHECK(std::isnan(found->rows[0][0][1].values[0]));
        CHECK(found->rows[1][1].empty());
      } else {
        journal.add(names[i], findings(double(i) + 0.1));
        ++written;
      }
    }
    return written;
  };
  CHECK(run(false) == 3);
  const std::string pictures = content_of(out / "pictures.csv"), pointing = content_of(out / "pointing.csv"),
                    energy = content_of(out / "energy.csv");
  CHECK(contains(pictures, "\"b, \"\"c\"\".png\",40,30,5,1.1\n"));
  CHECK(contains(pointing, "a.png,grad-cam,2,,,0,0\n"));
  const auto whole = [&] {
    CHECK(content_of(out / "pictures.csv") == pictures);
    CHECK(content_of(out / "pointing.csv") == pointing);
    CHECK(content_of(out / "energy.csv") == energy);
  };
  CHECK(run(true) == 0);
  whole();
  // Torn off within the last line of pictures.csv, at its very end, before it with the rows of a measure not all there.
  cut_file(out / "pictures.csv", 3);
  CHECK(run(true) == 1);
  whole();
  cut_file(out / "pictures.csv", 1);
  CHECK(run(true) == 1);
  whole();
  const std::size_t last = pictures.size() - pictures.rfind("d.png");
  cut_file(out / "pictures.csv", last);
  cut_file(out / "energy.csv", 10);
  CHECK(run(true) == 1);
  whole();
  std::filesystem::remove(out / "pictures.csv");
  CHECK(run(true) == 3);
  whole();

  const auto refused = [&](std::span<const std::unique_ptr<Measure>> of, std::vector<std::string> methods,
                           bool resume) {
    try {
      Journal(out, of, std::move(methods), resume);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(contains(refused(measures, candidates, false), "--resume goes on with it"));
  CHECK(contains(refused(measures, {"grad-cam", "sobel"}, true), "which is not of this run"));
  std::ofstream(out / "energy.csv") << "else\n";
  CHECK(contains(refused(measures, candidates, true), "energy.csv: begins with 'else'"));
}

TEST_CASE("report: every number with its interval, and its difference from the first on the same pictures") {
  std::vector<std::unique_ptr<Measure>> measures;
  measures.push_back(make_energy({}));
  measures.push_back(make_occlusion({}));
  const std::vector<std::string> candidates{"grad-cam", "uniform"};
  std::vector<PictureFindings> findings;
  for (int i = 0; i < 30; ++i) {
    const double area = 0.1 + 0.02 * i;
    findings.push_back({9,
                        9,
                        0,
                        1,
                        {{{{1, {area + 0.1, area, 1, 1, 1, 1, 1}}}, {{1, {area, area, 1, 1, 1, 1, 0}}}},
                         {{{1, {0.5}}}, {{1, {0.5}}}}}});
  }
  std::vector<const PictureFindings*> all;
  for (const PictureFindings& found : findings) all.push_back(&found);
  const Json results = results_json(measures, candidates, all, {.draws = 500});
  REQUIRE(results.size() == 4);
  const Json& first = results[0]["statistics"][0];
  CHECK(first["name"] == "energy");
  CHECK(first["value"].get<double>() == doctest::Approx(0.49));
  CHECK(first["difference"].is_null());
  CHECK(first["interval"] == "bootstrap");
  CHECK(first["high"].get<double>() - first["low"].get<double>() > 0.08);
  const Json& difference = results[1]["statistics"][0]["difference"];
  CHECK(difference["low"].get<double>() == doctest::Approx(-0.1));
  CHECK(difference["high"].get<double>() == doctest::Approx(-0.1));
  CHECK(results[0]["pictures"] == 30);
  CHECK(results[0]["statistics"][6]["interval"] == "bootstrap");
  CHECK(results[2]["statistics"][1]["name"] == "constant");
  CHECK(results[2]["statistics"][1]["interval"] == "wilson");
  const std::string text = results_text(results);
  CHECK(contains(text, "uniform   0.390 ±"));
  CHECK(contains(text, "0.000 ±0.000*"));  // of what was 0 on every picture, and differs
  CHECK(contains(text, "0.000 ±0.057"));   // of a share that was: Wilson's half width of 0 in 30
}
