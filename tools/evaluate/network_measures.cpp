// Measures that ask the network again, about the picture changed as the map says; and one of the map alone.
#include <algorithm>
#include <cmath>

#include "engine/evaluate/drop.hpp"
#include "engine/evaluate/infidelity.hpp"
#include "engine/evaluate/insertion_deletion.hpp"
#include "engine/evaluate/occlusion.hpp"
#include "engine/evaluate/randomization.hpp"
#include "engine/evaluate/road.hpp"
#include "engine/evaluate/sparseness.hpp"
#include "tools/evaluate/measures.hpp"

namespace backlight::tools {
namespace {

/// One class of a picture, and what is said of it.
struct AskedClass {
  const EvaluatedPicture& picture;
  std::int64_t index;
  const Scorer& scorer;
  const Candidate& candidate;

  const Tensor& map() const { return candidate.maps.at(index).evidence; }
};

Scorer scorer_of(const EvaluatedPicture& picture, std::int64_t index) {
  return Scorer(picture.probe,
                {.classes = {index}, .sigmoid = picture.model.scores == ScoreFunction::sigmoid});
}

/// A row for each class that was asked about, whose values are those of its map.
class MapMeasure : public Measure {
 public:
  MapMeasure(std::string name, std::vector<std::string> columns)
      : name_(std::move(name)), columns_(std::move(columns)) {}

  std::string_view name() const override { return name_; }
  std::vector<std::string> columns() const override { return columns_; }
  std::vector<std::int64_t> classes(const EvaluatedPicture& picture) const override { return picture.asked; }

  std::vector<MeasureRows> rows(const EvaluatedPicture& picture,
                                std::span<const Candidate> candidates) const override {
    std::vector<MeasureRows> all(candidates.size());
    for (const std::int64_t index : picture.asked) {
      const Scorer scorer = scorer_of(picture, index);
      for (std::size_t i = 0; i < candidates.size(); ++i)
        all[i].push_back({index, values({picture, index, scorer, candidates[i]})});
    }
    return all;
  }

  /// The mean of every column, under its name.
  std::vector<Statistic> statistics(std::span<const MeasureRows> rows) const override {
    std::vector<Statistic> all;
    for (std::size_t column = 0; column < columns_.size(); ++column)
      all.push_back(mean_statistic(columns_[column], rows, column));
    return all;
  }

 protected:
  /// Of measures whose rows have nothing in common.
  virtual std::vector<double> values(const AskedClass&) const { return {}; }

  /// Means of `count` columns from `first` on, over places `at`.
  static Curve mean_curve(std::string name, std::span<const MeasureRows> rows, std::size_t first,
                          std::span<const double> at) {
    Curve curve{std::move(name), {}};
    for (std::size_t i = 0; i < at.size(); ++i) {
      double sum = 0, count = 0;
      for (const MeasureRows& of_picture : rows)
        for (const MeasureRow& row : of_picture)
          if (const double v = row.values[first + i]; !std::isnan(v)) sum += v, ++count;
      curve.points.emplace_back(at[i], count > 0 ? sum / count : kNoValue);
    }
    return curve;
  }

 private:
  std::string name_;
  std::vector<std::string> columns_;
};

/// Columns of shares in percent, `name_10` and so on.
void add_columns(std::vector<std::string>& columns, const std::string& name, std::span<const double> shares) {
  for (const double share : shares) columns.push_back(text(name, "_", std::round(1000 * share) / 10));
}

std::vector<double> equal_shares(std::int64_t points) {
  std::vector<double> shares;
  for (std::int64_t i = 0; i < points; ++i)
    shares.push_back(static_cast<double>(i) / static_cast<double>(points - 1));
  return shares;
}

class DropMeasure : public MapMeasure {
 public:
  explicit DropMeasure(const MeasureOptions& options)
      : MapMeasure("drop", {"drop", "increase", "win", "coherency", "complexity", "adcc", "before", "after"}),
        fill_(options.fill) {}

  std::vector<MeasureRows> rows(const EvaluatedPicture& picture,
                                std::span<const Candidate> candidates) const override {
    std::vector<MeasureRows> all = MapMeasure::rows(picture, candidates);
    for (std::size_t i = 1; i < all.size(); ++i)  // wins over the first method
      for (std::size_t row = 0; row < all[i].size(); ++row)
        all[i][row].values[kWin] = all[i][row].values[kDrop] < all[0][row].values[kDrop] ? 1 : 0;
    return all;
  }
  std::vector<Statistic> statistics(std::span<const MeasureRows> rows) const override {
    std::vector<Statistic> all = MapMeasure::statistics(rows);
    for (const std::size_t column : {kIncrease, kWin})
      all[column] = share_statistic(all[column].name, rows, column);
    return all;
  }

 protected:
  std::vector<double> values(const AskedClass& asked) const override {
    const Tensor fill = baseline(fill_, asked.scorer.input(), asked.picture.model.info.preprocessing);
    const Confidence found = confidence(asked.scorer, asked.map(), fill);
    Adcc parts{.complexity = kNoValue, .drop = found.drop()};
    if (asked.candidate.method)
      parts = adcc(asked.picture.probe, *asked.candidate.method, asked.candidate.question(asked.index),
                   asked.map(), found.drop());
    return {
        found.drop(),     found.increases() ? 1.0 : 0.0,    kNoValue,     parts.coherency.value_or(kNoValue),
        parts.complexity, parts.value().value_or(kNoValue), found.before, found.after};
  }

 private:
  enum : std::size_t { kDrop, kIncrease, kWin };
  Baseline fill_;
};

class CurveMeasure : public MapMeasure {
 public:
  CurveMeasure(std::string name, const MeasureOptions& options, decltype(&insertion) curve)
      : MapMeasure(name, columns_of(name, options.points)), points_(options.points), curve_(curve) {}

  std::vector<Statistic> statistics(std::span<const MeasureRows> rows) const override {
    return {mean_statistic(std::string(name()), rows, 0)};
  }
  std::vector<Curve> curves(std::span<const MeasureRows> rows) const override {
    return {mean_curve(std::string(name()), rows, 1, equal_shares(points_))};
  }

 protected:
  std::vector<double> values(const AskedClass& asked) const override {
    const ScoreCurve found = curve_(asked.scorer, asked.map(), {.points = points_});
    std::vector<double> values{found.area()};
    values.insert(values.end(), found.scores.begin(), found.scores.end());
    return values;
  }

 private:
  static std::vector<std::string> columns_of(const std::string& name, std::int64_t points) {
    std::vector<std::string> columns{name};
    for (std::int64_t i = 0; i < points; ++i) columns.push_back(text("score_", i));
    return columns;
  }

  std::int64_t points_;
  decltype(&insertion) curve_;
};

class RoadMeasure : public MapMeasure {
 public:
  explicit RoadMeasure(const MeasureOptions& options)
      : MapMeasure("road", columns_of()), protocol_(options.road) {}

  std::vector<Statistic> statistics(std::span<const MeasureRows> rows) const override {
    return {mean_statistic("road_combined", rows, 0), mean_statistic("road_morf", rows, 1),
            mean_statistic("road_lerf", rows, 2)};
  }
  std::vector<Curve> curves(std::span<const MeasureRows> rows) const override {
    std::vector<Curve> all;
    const std::vector<double> shares = RoadOptions().shares;
    for (std::size_t i = 0; i < kCurves.size(); ++i)
      all.push_back(mean_curve(kCurves[i], rows, kFirst + i * shares.size(), shares));
    return all;
  }

 protected:
  std::vector<double> values(const AskedClass& asked) const override {
    RoadOptions options{.seed = asked.picture.seed, .picture = asked.picture.name, .protocol = protocol_};
    const Preprocessing& how = asked.picture.model.info.preprocessing;
    for (std::int64_t c = 0; c < asked.scorer.channels(); ++c) {
      const double range = 255 / static_cast<double>(how.divisor),
                   deviation = how.std[static_cast<std::size_t>(c)];
      options.noise.push_back(protocol_ == RoadProtocol::road ? 0.01 * range / deviation : 0.01);
    }
    const Road found = road(asked.scorer, asked.map(), options);
    std::vector<double> values{found.combined(), found.morf.mean(), found.lerf.mean(), found.before};
    for (const RoadCurve* curve : {&found.morf, &found.lerf})
      values.insert(values.end(), curve->scores.begin(), curve->scores.end());
    for (const RoadCurve* curve : {&found.morf, &found.lerf})
      values.insert(values.end(), curve->first.begin(), curve->first.end());
    return values;
  }

 private:
  static constexpr std::size_t kFirst = 4;  ///< column
  static constexpr std::array<const char*, 4> kCurves{"morf", "lerf", "morf_accuracy", "lerf_accuracy"};
  static std::vector<std::string> columns_of() {
    std::vector<std::string> columns{"road_combined", "road_morf", "road_lerf", "before"};
    for (const char* name : kCurves) add_columns(columns, name, RoadOptions().shares);
    return columns;
  }

  RoadProtocol protocol_;
};

/// What patches cost is the same for all maps of a class.
class OcclusionMeasure : public MapMeasure {
 public:
  OcclusionMeasure() : MapMeasure("occlusion", {"occlusion"}) {}

  std::vector<MeasureRows> rows(const EvaluatedPicture& picture,
                                std::span<const Candidate> candidates) const override {
    std::vector<MeasureRows> all(candidates.size());
    for (const std::int64_t index : picture.asked) {
      const Scorer scorer = scorer_of(picture, index);
      const Occlusion occlusion(scorer);
      for (std::size_t i = 0; i < candidates.size(); ++i)
        all[i].push_back(
            {index, {occlusion.correlation(candidates[i].maps.at(index).evidence).value_or(kNoValue)}});
    }
    return all;
  }
  std::vector<Statistic> statistics(std::span<const MeasureRows> rows) const override {
    return {mean_statistic("occlusion", rows, 0),
            share_statistic("constant", rows,
                            [](const MeasureRow& row) { return double(std::isnan(row.values[0])); })};
  }
};

/// By squares and by noise, of attributions of any scale.
class InfidelityMeasure : public MapMeasure {
 public:
  InfidelityMeasure() : MapMeasure("infidelity", {"infidelity_square", "infidelity_gaussian"}) {}

 protected:
  std::vector<double> values(const AskedClass& asked) const override {
    Tensor attribution = asked.map().clone();
    PerturbationOptions options{.seed = asked.picture.seed, .picture = asked.picture.name, .normalise = true};
    if (asked.candidate.method && asked.candidate.method->needs.input_gradient) {
      Question question = asked.candidate.question(asked.index);
      question.channels.reset();
      const Result result = std::move(asked.candidate.method->ask(asked.picture.probe, question).front());
      attribution = result.gradient.clone();
      // What adds up to a difference of scores has the picture as a factor.
      options.multiplied = asked.candidate.method->name == "input-x-gradient" || result.completeness;
    }
    std::vector<double> values;
    for (const Perturbation perturbation : {Perturbation::square, Perturbation::gaussian}) {
      options.perturbation = perturbation;
      values.push_back(infidelity(asked.scorer, attribution, options));
    }
    return values;
  }
};

class SensitivityMeasure : public MapMeasure {
 public:
  SensitivityMeasure() : MapMeasure("sensitivity", {"max_sensitivity"}) {}

 protected:
  std::vector<double> values(const AskedClass& asked) const override {
    if (!asked.candidate.method) return {kNoValue};
    Question question = asked.candidate.question(asked.index);
    question.smoothing = Smoothing::none;
    return {max_sensitivity(asked.picture.probe, *asked.candidate.method, question,
                            {.seed = asked.picture.seed, .picture = asked.picture.name})
                .value_or(kNoValue)};
  }
};

/// The entropy as a share of that of a constant map, the count as a share of the pixels.
class SparsenessMeasure : public MapMeasure {
 public:
  SparsenessMeasure() : MapMeasure("sparseness", {"sparseness", "complexity", "effective_complexity"}) {}

 protected:
  std::vector<double> values(const AskedClass& asked) const override {
    const std::vector<double> map = unit_range(asked.scorer.pixels_of(asked.map()));
    const auto pixels = static_cast<double>(map.size());
    return {sparseness(map).value_or(kNoValue), complexity(map).value_or(kNoValue) / std::log(pixels),
            static_cast<double>(effective_complexity(map)) / pixels};
  }
};

/// A way of comparing maps, which has a column for each layer.
struct Likeness {
  const char* name;
  std::optional<double> MapSimilarity::*value;
};

/// By layer, from the scores downwards.
class RandomizationMeasure : public MapMeasure {
 public:
  explicit RandomizationMeasure(const MeasureOptions& options)
      : MapMeasure("randomization", columns_of(options)),
        order_(options.randomization),
        similarity_(options.similarity),
        compared_(options.compared),
        pictures_(options.pictures) {}

  std::vector<Statistic> statistics(std::span<const MeasureRows> rows) const override {
    if (compared_) return MapMeasure::statistics(rows);
    const auto mean = [layers = layers()](const MeasureRow& row) {
      double sum = 0, count = 0;
      for (std::size_t i = 0; i < layers; ++i)
        if (!std::isnan(row.values[i])) sum += row.values[i], ++count;
      return count > 0 ? sum / count : kNoValue;
    };
    /// How many layers, from the scores on, until the similarity is below a half; all of them where it never is.
    const auto alike = [layers = layers()](const MeasureRow& row) {
      std::size_t i = 0;
      while (i < layers && row.values[i] >= 0.5) ++i;
      return std::isnan(row.values[0]) ? kNoValue : static_cast<double>(i);
    };
    return {mean_statistic("similarity", rows, mean), mean_statistic("layers_alike", rows, alike)};
  }
  std::vector<Curve> curves(std::span<const MeasureRows> rows) const override {
    if (compared_) return {};
    std::vector<double> numbers;
    for (std::size_t i = 0; i < layers(); ++i) numbers.push_back(static_cast<double>(i + 1));
    std::vector<Curve> all;
    for (const Likeness& likeness : likenesses(similarity_))
      all.push_back(mean_curve(likeness.name, rows, all.size() * layers(), numbers));
    return all;
  }

 protected:
  std::vector<double> values(const AskedClass& asked) const override {
    if (!asked.candidate.method) return std::vector<double>(columns().size(), kNoValue);
    const EvaluatedPicture& picture = asked.picture;
    if (networks_.empty() && compared_)
      networks_ = {{.layer = "compared", .first = compared_->find(randomizable_layers(*compared_).back()),
                    .network = std::make_shared<const Network>(*compared_)}};
    if (networks_.empty())
      networks_ = randomized_networks(picture.model.network, picture.probe.context(), order_, picture.seed,
                                      pictures_());
    Question question = asked.candidate.question(asked.index);
    if (question.channels == ChannelReduction::max_abs) question.channels.reset();  // which has no signs
    const std::vector<MapSimilarity> found =
        randomization(picture.probe, *asked.candidate.method, question, networks_, similarity_);
    std::vector<double> values;
    for (const Likeness& likeness : likenesses(similarity_))
      for (const MapSimilarity& of_layer : found)
        values.push_back((of_layer.*likeness.value).value_or(kNoValue));
    return values;
  }

 private:
  static std::vector<Likeness> likenesses(const SimilarityOptions& options) {
    std::vector<Likeness> all{{"similarity", &MapSimilarity::spearman},
                              {"signed_similarity", &MapSimilarity::signed_spearman}};
    if (options.ssim) all.push_back({"ssim", &MapSimilarity::ssim});
    if (options.hog) all.push_back({"hog", &MapSimilarity::hog});
    return all;
  }
  static std::vector<std::string> columns_of(const MeasureOptions& options) {
    std::vector<std::string> columns;
    for (const Likeness& likeness : likenesses(options.similarity))
      if (options.compared)
        columns.emplace_back(likeness.name);
      else
        for (const std::string& layer : randomizable_layers(options.model->network))
          columns.push_back(text(likeness.name, ".", layer));
    return columns;
  }
  std::size_t layers() const { return columns().size() / likenesses(similarity_).size(); }

  RandomizationOrder order_;
  SimilarityOptions similarity_;
  const Network* compared_;
  std::function<Tensor()> pictures_;
  mutable std::vector<RandomizedNetwork> networks_;  ///< made for the first picture
};

}  // namespace

std::unique_ptr<Measure> make_drop(const MeasureOptions& options) {
  return std::make_unique<DropMeasure>(options);
}
std::unique_ptr<Measure> make_insertion(const MeasureOptions& options) {
  return std::make_unique<CurveMeasure>("insertion", options, &insertion);
}
std::unique_ptr<Measure> make_deletion(const MeasureOptions& options) {
  return std::make_unique<CurveMeasure>("deletion", options, &deletion);
}
std::unique_ptr<Measure> make_road(const MeasureOptions& options) {
  return std::make_unique<RoadMeasure>(options);
}
std::unique_ptr<Measure> make_occlusion(const MeasureOptions&) {
  return std::make_unique<OcclusionMeasure>();
}
std::unique_ptr<Measure> make_infidelity(const MeasureOptions&) {
  return std::make_unique<InfidelityMeasure>();
}
std::unique_ptr<Measure> make_sensitivity(const MeasureOptions&) {
  return std::make_unique<SensitivityMeasure>();
}
std::unique_ptr<Measure> make_sparseness(const MeasureOptions&) {
  return std::make_unique<SparsenessMeasure>();
}
std::unique_ptr<Measure> make_randomization(const MeasureOptions& options) {
  return std::make_unique<RandomizationMeasure>(options);
}

}  // namespace backlight::tools
