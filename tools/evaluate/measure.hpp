// What a measure is, to whoever runs it over pictures: rows of one picture, and statistics of all rows.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/explain/methods.hpp"
#include "models/model.hpp"

namespace backlight::tools {

/// Something that people say is on a picture, in pixels of the upright picture.
struct TrueObject {
  std::int64_t index = 0;  ///< its class, of the network's
  std::optional<Box> box = {};
  std::vector<std::uint8_t> mask = {};  ///< height·width of the picture, 1 on the object; or empty
  bool difficult = false, crowd = false;
};

/// A picture under evaluation. Its forward is done; measures may ask the probe more.
struct EvaluatedPicture {
  std::string name;    ///< in the data set; the seed of whatever is random about it
  const Image& image;  ///< upright
  const Placement& placement;
  const std::vector<TrueObject>& objects;
  const std::vector<std::uint8_t>& ignored;  ///< as a mask: where nobody says what is there; or empty
  const Model& model;
  Probe& probe;
  const ClassScores& scores;
  std::vector<std::int64_t> asked;  ///< the classes that --class says, for measures that need no annotation
  std::uint64_t seed;               ///< the run's
};

/// What a method, or a baseline, says of one class of a picture.
struct EvaluatedMap {
  Tensor raw;       ///< h×w, signed, at the size at which it is made
  Tensor evidence;  ///< H×W: what of it is positive, at the input's size, as `enlarged_evidence` gives it
};

/// The maps of one method by class: those that the measures asked for.
struct Candidate {
  std::string name;
  const Method* method = nullptr;  ///< null for a baseline
  /// What is asked of the method about a class; of a baseline nothing.
  std::function<Question(std::int64_t index)> question = {};
  std::map<std::int64_t, EvaluatedMap> maps = {};
};

/// An empty field.
inline constexpr double kNoValue = std::numeric_limits<double>::quiet_NaN();

/// A line of a measure's CSV, behind the picture and the method.
struct MeasureRow {
  std::int64_t index = 0;  ///< the class
  std::vector<double> values;
};
using MeasureRows = std::vector<MeasureRow>;

/// A number that is reported of one method.
struct Statistic {
  std::string name;
  /// Of these pictures, indices of the rows that it was made of; any may come twice. NaN where there is none.
  std::function<double(std::span<const std::int64_t> pictures)> of;
  /// Hits and their number, where it is a share of one answer a picture: Wilson's interval then stands beside it.
  std::optional<std::pair<std::int64_t, std::int64_t>> share = {};
};

/// What is reported of one method beside numbers, such as a share by threshold.
struct Curve {
  std::string name;
  std::vector<std::pair<double, double>> points;
};

/// One of --measure. The same order of pictures, threads and batches change no bit of a row.
class Measure {
 public:
  virtual ~Measure() = default;
  virtual std::string_view name() const = 0;
  /// Titles of a row's values.
  virtual std::vector<std::string> columns() const = 0;
  /// Of which classes it wants maps. None: it has nothing to say of this picture.
  virtual std::vector<std::int64_t> classes(const EvaluatedPicture& picture) const = 0;
  /// One list of rows per candidate, whose maps are those of `classes`.
  virtual std::vector<MeasureRows> rows(const EvaluatedPicture& picture,
                                        std::span<const Candidate> candidates) const = 0;
  /// Of one candidate; `rows` has those of every picture, and outlives the statistics.
  virtual std::vector<Statistic> statistics(std::span<const MeasureRows> rows) const = 0;
  virtual std::vector<Curve> curves(std::span<const MeasureRows>) const { return {}; }
};

/// The mean of `value` over all rows where it is a number.
Statistic mean_statistic(std::string name, std::span<const MeasureRows> rows,
                         const std::function<double(const MeasureRow&)>& value);
/// The same of a column.
Statistic mean_statistic(std::string name, std::span<const MeasureRows> rows, std::size_t column);
/// The same of a value that is 1 for a hit and 0 for a miss: a share, where no two answers are from the same picture.
Statistic share_statistic(std::string name, std::span<const MeasureRows> rows,
                          const std::function<double(const MeasureRow&)>& value);
Statistic share_statistic(std::string name, std::span<const MeasureRows> rows, std::size_t column);
/// The mean over classes of the mean over each class's rows.
Statistic class_mean_statistic(std::string name, std::span<const MeasureRows> rows,
                               const std::function<double(const MeasureRow&)>& value);

}  // namespace backlight::tools
