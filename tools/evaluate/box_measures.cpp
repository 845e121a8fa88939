// Measures of boxes: localization's error, and the best threshold's.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "engine/evaluate/clovaai.hpp"
#include "engine/evaluate/intervals.hpp"
#include "engine/evaluate/localization.hpp"
#include "tools/evaluate/measures.hpp"

namespace backlight::tools {
namespace {

std::vector<Box> boxes_of(const EvaluatedPicture& picture, std::int64_t index) {
  std::vector<Box> boxes;
  for (const TrueObject& object : picture.objects)
    if (object.index == index && object.box) boxes.push_back(*object.box);
  return boxes;
}

/// Of every class with a box.
std::vector<std::int64_t> boxed_classes(const EvaluatedPicture& picture) {
  std::vector<std::int64_t> classes = classes_of(picture.objects);
  std::erase_if(classes, [&](std::int64_t index) { return boxes_of(picture, index).empty(); });
  return classes;
}

class Localization : public Measure {
 public:
  explicit Localization(const MeasureOptions& options) : options_(options) {}

  std::string_view name() const override { return "localization"; }
  std::vector<std::string> columns() const override {
    return {"x0",         "y0",       "x1",         "y1",         "iou",      "found",
            "top1_label", "top1_box", "top1_right", "top5_label", "top5_box", "top5_right"};
  }
  std::vector<std::int64_t> classes(const EvaluatedPicture& picture) const override {
    std::vector<std::int64_t> classes = boxed_classes(picture);
    if (!classes.empty())
      for (const std::int64_t guess : picture.scores.best(options_.guesses)) classes.push_back(guess);
    return classes;
  }

  std::vector<MeasureRows> rows(const EvaluatedPicture& picture,
                                std::span<const Candidate> candidates) const override {
    std::vector<LabelledBox> truth;
    for (const TrueObject& object : picture.objects)
      if (object.box) truth.push_back({object.index, *object.box});
    const std::vector<std::int64_t> best = picture.scores.best(options_.guesses);
    std::vector<MeasureRows> all;
    for (const Candidate& candidate : candidates) {
      const auto located = [&](std::int64_t index) -> std::optional<Box> {
        const auto segment =
            largest_segment(candidate.maps.at(index).evidence, options_.threshold, options_.connectivity);
        if (!segment) return std::nullopt;
        return picture.placement.to_source(segment->box);
      };
      std::vector<Guess> guesses;
      for (const std::int64_t index : best) guesses.push_back({index, located(index)});
      MeasureRows& rows = all.emplace_back();
      for (const std::int64_t index : boxed_classes(picture)) {
        MeasureRow& row = rows.emplace_back(MeasureRow{index, std::vector<double>(12, kNoValue)});
        double overlap = 0;
        if (const std::optional<Box> box = located(index)) {
          overlap = best_iou(*box, boxes_of(picture, index));
          std::ranges::copy(std::array{box->x0, box->y0, box->x1, box->y1}, row.values.begin());
        }
        row.values[4] = overlap;
        row.values[5] = overlap >= kFoundIou;
        if (rows.size() > 1) continue;  // guesses are the picture's
        put(judge(std::span(guesses).first(std::min<std::size_t>(guesses.size(), 1)), truth), &row.values[6]);
        if (options_.guesses >= 5) put(judge(guesses, truth), &row.values[9]);
      }
    }
    return all;
  }

  std::vector<Statistic> statistics(std::span<const MeasureRows> rows) const override {
    std::vector<Statistic> all;
    all.push_back(share_statistic("gt_known", rows, 5));
    all.push_back(mean_statistic("gt_known_iou", rows, 4));
    const auto add = [&](const std::string& name, std::size_t at, auto&& value) {
      all.push_back(share_statistic(name, rows, [at, value](const MeasureRow& row) {
        return std::isnan(row.values[at]) ? kNoValue : value(&row.values[at]);
      }));
    };
    for (const auto& [top, at] : {std::pair{"top1", std::size_t{6}}, {"top5", std::size_t{9}}}) {
      if (at == 9 && options_.guesses < 5) break;
      const std::string name = top;
      add(name + "_error", at, [](const double* v) { return 1 - v[2]; });
      add(name + "_error_label", at,
          [](const double* v) { return double(v[2] == 0 && v[0] == 0 && v[1] == 1); });
      add(name + "_error_box", at, [](const double* v) { return double(v[2] == 0 && v[0] == 1); });
      add(name + "_error_both", at, [](const double* v) { return double(v[0] == 0 && v[1] == 0); });
      add(name + "_class_error", at, [](const double* v) { return 1 - v[0]; });
    }
    all.push_back(share_statistic("no_evidence", rows,
                                  [](const MeasureRow& row) { return double(std::isnan(row.values[0])); }));
    return all;
  }

 private:
  static void put(const Verdict& verdict, double* to) {
    to[0] = verdict.label;
    to[1] = verdict.box;
    to[2] = verdict.located;
  }

  MeasureOptions options_;
};

class MaxBox : public Measure {
 public:
  explicit MaxBox(const MeasureOptions& options) : options_(options) {}

  std::string_view name() const override { return "max-box"; }
  std::vector<std::string> columns() const override {
    std::vector<std::string> titles;
    for (const char* kind : {"largest_", "best_"})
      for (int k = 0; k < kLevels; ++k) titles.push_back(kind + std::to_string(options_.clovaai ? k : k + 1));
    return titles;
  }
  std::vector<std::int64_t> classes(const EvaluatedPicture& picture) const override {
    return boxed_classes(picture);
  }

  std::vector<MeasureRows> rows(const EvaluatedPicture& picture,
                                std::span<const Candidate> candidates) const override {
    std::vector<MeasureRows> all;
    for (const Candidate& candidate : candidates) {
      MeasureRows& rows = all.emplace_back();
      for (const std::int64_t index : classes(picture)) {
        const EvaluatedMap& map = candidate.maps.at(index);
        const std::vector<Box> truth = boxes_of(picture, index);
        OverlapByThreshold overlap =
            options_.clovaai ? clovaai_overlap(map.raw, picture.image.width, picture.image.height, truth)
                             : overlap_by_threshold(map.evidence, picture.placement, truth, kLevels,
                                                    options_.connectivity);
        MeasureRow& row = rows.emplace_back(MeasureRow{index, std::move(overlap.largest)});
        row.values.insert(row.values.end(), overlap.best.begin(), overlap.best.end());
      }
    }
    return all;
  }

  std::vector<Statistic> statistics(std::span<const MeasureRows> rows) const override {
    const auto mean_of_best = [&](int first, std::span<const double> deltas) {
      std::vector<Table> tables;
      for (const double delta : deltas) tables.push_back(hits(rows, first, delta));
      return [tables = std::move(tables)](std::span<const std::int64_t> pictures) {
        double sum = 0;
        for (const Table& table : tables) {
          const std::vector<double> shares = shares_of(table, pictures);
          sum += shares.empty() ? kNoValue : *std::ranges::max_element(shares);
        }
        return sum / static_cast<double>(tables.size());
      };
    };
    return {{"max_box_acc", mean_of_best(0, std::span(kDeltas).subspan(1, 1))},
            {"max_box_acc_v2", mean_of_best(kLevels, kDeltas)}};
  }

  std::vector<Curve> curves(std::span<const MeasureRows> rows) const override {
    std::vector<std::int64_t> all(rows.size());
    std::iota(all.begin(), all.end(), 0);
    Curve curve{"box_acc_by_threshold", {}};
    for (const double share : shares_of(hits(rows, 0, kFoundIou), all))
      curve.points.emplace_back(
          static_cast<double>(curve.points.size() + (options_.clovaai ? 0 : 1)) / kLevels, share);
    return {std::move(curve)};
  }

 private:
  static constexpr int kLevels = 100;
  static constexpr std::array kDeltas{0.3, kFoundIou, 0.7};

  /// Of each picture, in how many of its rows the overlap is large enough at each level, and how many rows it has.
  using Table = std::vector<float>;
  static Table hits(std::span<const MeasureRows> rows, int first, double delta) {
    Table table(rows.size() * (kLevels + 1));
    float* at = table.data();
    for (const MeasureRows& of_picture : rows) {
      for (const MeasureRow& row : of_picture)
        for (int k = 0; k < kLevels; ++k) at[k] += row.values[static_cast<std::size_t>(first + k)] >= delta;
      at[kLevels] = static_cast<float>(of_picture.size());
      at += kLevels + 1;
    }
    return table;
  }
  /// By level; empty where the pictures have no row.
  static std::vector<double> shares_of(const Table& table, std::span<const std::int64_t> pictures) {
    std::vector<double> sums(kLevels + 1);
    sum_rows(table, pictures, sums);
    const double count = sums.back();
    sums.pop_back();
    if (count == 0) return {};
    for (double& sum : sums) sum /= count;
    return sums;
  }

  MeasureOptions options_;
};

}  // namespace

std::vector<std::int64_t> classes_of(std::span<const TrueObject> objects) {
  std::set<std::int64_t> classes;
  for (const TrueObject& object : objects) classes.insert(object.index);
  return {classes.begin(), classes.end()};
}

std::unique_ptr<Measure> make_localization(const MeasureOptions& options) {
  return std::make_unique<Localization>(options);
}
std::unique_ptr<Measure> make_max_box(const MeasureOptions& options) {
  return std::make_unique<MaxBox>(options);
}

}  // namespace backlight::tools
