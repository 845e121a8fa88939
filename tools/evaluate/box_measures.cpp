// Measures of boxes: localization's error, and the best threshold's.
#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "engine/evaluate/clovaai.hpp"
#include "engine/evaluate/localization.hpp"
#include "tools/evaluate/measures.hpp"

namespace backlight::tools {
namespace {

constexpr double kNoValue = std::numeric_limits<double>::quiet_NaN();

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
        const auto segment = largest_segment(candidate.maps.at(index).evidence, options_.threshold);
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
    all.push_back(mean_statistic("gt_known", rows, 5));
    all.push_back(mean_statistic("gt_known_iou", rows, 4));
    const auto add = [&](const std::string& name, std::size_t at, auto&& value) {
      all.push_back(mean_statistic(name, rows, [at, value](const MeasureRow& row) {
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
    all.push_back(mean_statistic("no_evidence", rows,
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
                             : overlap_by_threshold(map.evidence, picture.placement, truth, kLevels);
        MeasureRow& row = rows.emplace_back(MeasureRow{index, std::move(overlap.largest)});
        row.values.insert(row.values.end(), overlap.best.begin(), overlap.best.end());
      }
    }
    return all;
  }

  std::vector<Statistic> statistics(std::span<const MeasureRows> rows) const override {
    std::vector<Statistic> all;
    const auto curves = std::make_shared<std::vector<Hits>>();
    for (const double delta : kDeltas) {
      curves->push_back(hits(rows, 0, delta));
      curves->push_back(hits(rows, kLevels, delta));
    }
    const auto value = [curves](std::size_t first, std::size_t count, std::size_t by) {
      return [curves, first, count, by](std::span<const std::int64_t> pictures) {
        double sum = 0;
        for (std::size_t i = 0; i < count; ++i) sum += best_share((*curves)[first + i * by], pictures);
        return sum / static_cast<double>(count);
      };
    };
    all.push_back({"max_box_acc", value(2, 1, 1)});
    all.push_back({"max_box_acc_v2", value(1, kDeltas.size(), 2)});
    return all;
  }

  std::vector<Curve> curves(std::span<const MeasureRows> rows) const override {
    Curve curve{"box_acc_by_threshold", {}};
    const Hits found = hits(rows, 0, kFoundIou);
    for (int k = 0; k < kLevels; ++k) {
      std::int64_t sum = 0, count = 0;
      for (std::size_t i = 0; i < rows.size(); ++i) {
        sum += found.by_level[i * kLevels + static_cast<std::size_t>(k)];
        count += found.rows[i];
      }
      if (count > 0)
        curve.points.emplace_back((options_.clovaai ? k : k + 1) / 100.0, double(sum) / double(count));
    }
    return {std::move(curve)};
  }

 private:
  static constexpr int kLevels = 100;
  static constexpr std::array kDeltas{0.3, 0.5, 0.7};

  /// Of each picture and level, in how many rows the overlap is large enough.
  struct Hits {
    std::vector<std::int32_t> by_level, rows;
  };
  static Hits hits(std::span<const MeasureRows> rows, int first, double delta) {
    Hits found{std::vector<std::int32_t>(rows.size() * kLevels), std::vector<std::int32_t>(rows.size())};
    for (std::size_t i = 0; i < rows.size(); ++i)
      for (const MeasureRow& row : rows[i]) {
        ++found.rows[i];
        for (int k = 0; k < kLevels; ++k)
          found.by_level[i * kLevels + static_cast<std::size_t>(k)] +=
              row.values[static_cast<std::size_t>(first + k)] >= delta;
      }
    return found;
  }
  static double best_share(const Hits& found, std::span<const std::int64_t> pictures) {
    std::array<std::int64_t, kLevels> sums{};
    std::int64_t count = 0;
    for (const std::int64_t i : pictures) {
      count += found.rows[i];
      for (int k = 0; k < kLevels; ++k) sums[k] += found.by_level[i * kLevels + k];
    }
    return count > 0 ? double(*std::ranges::max_element(sums)) / double(count) : kNoValue;
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
