// Measures of pixels: where a map's maximum lies, and its mass.
#include <algorithm>
#include <cmath>

#include "engine/evaluate/clovaai.hpp"
#include "engine/evaluate/intervals.hpp"
#include "engine/evaluate/pointing.hpp"
#include "tools/evaluate/measures.hpp"

namespace backlight::tools {
namespace {

/// The class's pixels: of masks, and of the boxes of objects without one.
PixelSet pixels_of(const EvaluatedPicture& picture, std::int64_t index) {
  std::vector<Box> boxes;
  for (const TrueObject& object : picture.objects)
    if (object.index == index && object.mask.empty() && object.box) boxes.push_back(*object.box);
  PixelSet set = PixelSet::of(picture.image.width, picture.image.height, boxes);
  for (const TrueObject& object : picture.objects)
    if (object.index == index)
      for (std::size_t i = 0; i < object.mask.size(); ++i) set.in[i] |= object.mask[i];
  return set;
}

/// Of which an object's place is known.
std::vector<std::int64_t> placed_classes(const EvaluatedPicture& picture) {
  std::vector<std::int64_t> classes;
  for (const std::int64_t index : classes_of(picture.objects))
    if (std::ranges::any_of(picture.objects, [&](const TrueObject& object) {
          return object.index == index && (object.box || !object.mask.empty());
        }))
      classes.push_back(index);
  return classes;
}

class PointingGame : public Measure {
 public:
  explicit PointingGame(const MeasureOptions& options) : tolerance_(options.tolerance) {}

  std::string_view name() const override { return "pointing"; }
  std::vector<std::string> columns() const override { return {"x", "y", "hit", "difficult"}; }
  /// A class is left out where all its objects are difficult (VOC).
  std::vector<std::int64_t> classes(const EvaluatedPicture& picture) const override {
    std::vector<std::int64_t> classes = placed_classes(picture);
    std::erase_if(classes, [&](std::int64_t index) {
      return std::ranges::all_of(picture.objects, [&](const TrueObject& object) {
        return object.index != index || object.difficult;
      });
    });
    return classes;
  }

  std::vector<MeasureRows> rows(const EvaluatedPicture& picture,
                                std::span<const Candidate> candidates) const override {
    std::vector<MeasureRows> all(candidates.size());
    const bool others = classes_of(picture.objects).size() > 1;
    for (const std::int64_t index : classes(picture)) {
      const PixelSet object = pixels_of(picture, index);
      const bool difficult = others && object.share() < kDifficultShare;
      for (std::size_t i = 0; i < candidates.size(); ++i) {
        const auto at = strongest_pixel(candidates[i].maps.at(index).evidence, picture.placement);
        const bool hit = at && points_at(*at, object, tolerance_);
        all[i].push_back(
            {index,
             {at ? double(at->x) : kNoValue, at ? double(at->y) : kNoValue, double(hit), double(difficult)}});
      }
    }
    return all;
  }

  std::vector<Statistic> statistics(std::span<const MeasureRows> rows) const override {
    const auto hit = [](const MeasureRow& row) { return row.values[2]; };
    const auto difficult = [](const MeasureRow& row) {
      return row.values[3] == 1 ? row.values[2] : kNoValue;
    };
    return {class_mean_statistic("pointing", rows, hit), share_statistic("pointing_pairs", rows, hit),
            class_mean_statistic("pointing_difficult", rows, difficult),
            share_statistic("no_evidence", rows,
                            [](const MeasureRow& row) { return double(std::isnan(row.values[0])); })};
  }

 private:
  double tolerance_;
};

class Rejection : public Measure {
 public:
  explicit Rejection(const MeasureOptions& options) : tolerance_(options.tolerance) {}

  std::string_view name() const override { return "rejection"; }
  std::vector<std::string> columns() const override { return {"maximum", "present", "hit"}; }
  std::vector<std::int64_t> classes(const EvaluatedPicture& picture) const override {
    return placed_classes(picture).empty() ? std::vector<std::int64_t>() : picture.scores.best(5);
  }

  std::vector<MeasureRows> rows(const EvaluatedPicture& picture,
                                std::span<const Candidate> candidates) const override {
    std::vector<MeasureRows> all(candidates.size());
    for (const std::int64_t index : classes(picture)) {
      const PixelSet object = pixels_of(picture, index);
      const bool present = object.count() > 0;
      for (std::size_t i = 0; i < candidates.size(); ++i) {
        const EvaluatedMap& map = candidates[i].maps.at(index);
        const auto at = present ? strongest_pixel(map.evidence, picture.placement) : std::nullopt;
        all[i].push_back({index,
                          {*std::ranges::max_element(map.raw.values()), double(present),
                           double(at && points_at(*at, object, tolerance_))}});
      }
    }
    return all;
  }

  std::vector<Statistic> statistics(std::span<const MeasureRows> rows) const override {
    std::vector<std::pair<std::size_t, RejectionCase>> cases;  // by picture, and sorted once for all draws
    const std::vector<std::vector<RejectionCase>> of_pictures = cases_of(rows);
    for (std::size_t i = 0; i < of_pictures.size(); ++i)
      for (const RejectionCase& of_picture : of_pictures[i]) cases.emplace_back(i, of_picture);
    std::ranges::stable_sort(cases, {}, [](const auto& of_picture) { return of_picture.second.maximum; });
    const auto best = [cases = std::move(cases),
                       count = rows.size()](std::span<const std::int64_t> pictures) {
      std::vector<std::int64_t> times(count);
      for (const std::int64_t i : pictures) ++times[static_cast<std::size_t>(i)];
      std::vector<RejectionCase> drawn;
      for (const auto& [picture, of_picture] : cases)
        if (times[picture] > 0) {
          drawn.push_back(of_picture);
          drawn.back().times = times[picture];
        }
      double most = kNoValue;
      for (const RejectionPoint& point : rejection_curve(drawn)) most = std::fmax(most, point.accuracy);
      return most;
    };
    return {{"rejection_best", best}};
  }

  std::vector<Curve> curves(std::span<const MeasureRows> rows) const override {
    std::vector<RejectionCase> cases;
    for (const auto& of_picture : cases_of(rows))
      cases.insert(cases.end(), of_picture.begin(), of_picture.end());
    Curve curve{"rejection_by_threshold", {}};
    for (const auto& [threshold, accuracy] : rejection_curve(cases))
      curve.points.emplace_back(threshold, accuracy);
    return {std::move(curve)};
  }

 private:
  static std::vector<std::vector<RejectionCase>> cases_of(std::span<const MeasureRows> rows) {
    std::vector<std::vector<RejectionCase>> cases(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i)
      for (const MeasureRow& row : rows[i])
        cases[i].push_back({row.values[0], row.values[1] == 1, row.values[2] == 1});
    return cases;
  }

  double tolerance_;
};

/// What Energy and PxAP share: a row of numbers of each class from its evidence and its pixels as the input sees them.
class OfPixels : public Measure {
 public:
  std::vector<std::int64_t> classes(const EvaluatedPicture& picture) const override {
    return placed_classes(picture);
  }
  std::vector<MeasureRows> rows(const EvaluatedPicture& picture,
                                std::span<const Candidate> candidates) const override {
    std::vector<MeasureRows> all(candidates.size());
    std::optional<PixelSet> ignored;
    if (!picture.ignored.empty())
      ignored = measured({picture.image.width, picture.image.height, picture.ignored}, picture.placement);
    for (const std::int64_t index : classes(picture)) {
      const PixelSet object = measured(pixels_of(picture, index), picture.placement);
      for (std::size_t i = 0; i < candidates.size(); ++i)
        all[i].push_back(
            {index, values(candidates[i].maps.at(index), object, ignored ? &*ignored : nullptr)});
    }
    return all;
  }

 protected:
  /// A set of the picture's pixels at the size at which it is compared with the map.
  virtual PixelSet measured(const PixelSet& set, const Placement& placement) const {
    return seen_by_input(set, placement);
  }

 private:
  virtual std::vector<double> values(const EvaluatedMap& map, const PixelSet& object,
                                     const PixelSet* ignored) const = 0;
};

class Energy : public OfPixels {
 public:
  explicit Energy(const MeasureOptions& options) : threshold_(options.threshold) {}

  std::string_view name() const override { return "energy"; }
  std::vector<std::string> columns() const override {
    return {"energy", "area", "average_precision", "segment_iou", "loc_0", "loc_25", "loc_50"};
  }
  std::vector<Statistic> statistics(std::span<const MeasureRows> rows) const override {
    std::vector<Statistic> all;
    const std::vector<std::string> titles = columns();
    for (std::size_t i = 0; i < titles.size(); ++i) all.push_back(mean_statistic(titles[i], rows, i));
    return all;
  }

 private:
  std::vector<double> values(const EvaluatedMap& map, const PixelSet& object,
                             const PixelSet*) const override {
    const Tensor& evidence = map.evidence;
    return {energy_inside(evidence, object),
            object.share(),
            pixel_average_precision(evidence, object),
            segment_iou(evidence, object, threshold_),
            loc(evidence, object, 0),
            loc(evidence, object, 0.25),
            loc(evidence, object, 0.5)};
  }

  double threshold_;
};

class PxAp : public OfPixels {
 public:
  explicit PxAp(const MeasureOptions& options) : clovaai_(options.clovaai) {}

  std::string_view name() const override { return "pxap"; }
  std::vector<std::string> columns() const override {
    std::vector<std::string> titles;
    for (const char* kind : {"inside_", "outside_"})
      for (std::size_t k = 0; k < kBins; ++k) titles.push_back(kind + std::to_string(k));
    return titles;
  }
  std::vector<Statistic> statistics(std::span<const MeasureRows> rows) const override {
    std::vector<float> table(rows.size() * 2 * kBins);
    for (std::size_t i = 0; i < rows.size(); ++i)
      for (const MeasureRow& row : rows[i])
        for (std::size_t k = 0; k < 2 * kBins; ++k)
          table[i * 2 * kBins + k] += static_cast<float>(row.values[k]);
    return {{"pxap", [table = std::move(table)](std::span<const std::int64_t> pictures) {
               std::vector<double> pooled(2 * kBins);
               sum_rows(table, pictures, pooled);
               return backlight::pxap(std::span(pooled).first(kBins), std::span(pooled).last(kBins));
             }}};
  }

 private:
  static constexpr std::size_t kBins = 101;

  PixelSet measured(const PixelSet& set, const Placement& placement) const override {
    return clovaai_ ? clovaai_pixels(set) : OfPixels::measured(set, placement);
  }
  std::vector<double> values(const EvaluatedMap& map, const PixelSet& object,
                             const PixelSet* ignored) const override {
    const PixelHistogram histogram = clovaai_
                                         ? pixel_histogram(clovaai_map(map.raw), object, kBins - 1, ignored)
                                         : pixel_histogram(map.evidence, object, kBins - 1, ignored);
    std::vector<double> all(histogram.inside.begin(), histogram.inside.end());
    all.insert(all.end(), histogram.outside.begin(), histogram.outside.end());
    return all;
  }

  bool clovaai_;
};

}  // namespace

std::unique_ptr<Measure> make_pointing(const MeasureOptions& options) {
  return std::make_unique<PointingGame>(options);
}
std::unique_ptr<Measure> make_rejection(const MeasureOptions& options) {
  return std::make_unique<Rejection>(options);
}
std::unique_ptr<Measure> make_energy(const MeasureOptions& options) {
  return std::make_unique<Energy>(options);
}
std::unique_ptr<Measure> make_pxap(const MeasureOptions& options) { return std::make_unique<PxAp>(options); }

}  // namespace backlight::tools
