#include <cmath>

#include "tools/evaluate/measure.hpp"

namespace backlight::tools {
namespace {

/// What a picture adds to a mean.
struct MeanPart {
  double sum = 0;
  std::int64_t count = 0;

  void add(double value) {
    sum += value;
    ++count;
  }
};

double mean_of_part(const MeanPart& part) {
  return part.count > 0 ? part.sum / static_cast<double>(part.count) : kNoValue;
}

std::function<double(const MeasureRow&)> column_value(std::size_t column) {
  return [column](const MeasureRow& row) { return row.values[column]; };
}

}  // namespace

Statistic mean_statistic(std::string name, std::span<const MeasureRows> rows,
                         const std::function<double(const MeasureRow&)>& value) {
  std::vector<MeanPart> parts(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (const MeasureRow& row : rows[i])
      if (const double v = value(row); !std::isnan(v)) parts[i].add(v);
  return {std::move(name), [parts = std::move(parts)](std::span<const std::int64_t> pictures) {
            MeanPart sum;
            for (const std::int64_t i : pictures) {
              sum.sum += parts[i].sum;
              sum.count += parts[i].count;
            }
            return mean_of_part(sum);
          }};
}

Statistic mean_statistic(std::string name, std::span<const MeasureRows> rows, std::size_t column) {
  return mean_statistic(std::move(name), rows, column_value(column));
}

Statistic share_statistic(std::string name, std::span<const MeasureRows> rows,
                          const std::function<double(const MeasureRow&)>& value) {
  Statistic statistic = mean_statistic(std::move(name), rows, value);
  std::int64_t hits = 0, pictures = 0;
  for (const MeasureRows& of_picture : rows) {
    std::int64_t answers = 0;
    for (const MeasureRow& row : of_picture)
      if (const double v = value(row); !std::isnan(v)) {
        hits += v == 1;
        ++answers;
      }
    if (answers > 1) return statistic;
    pictures += answers;
  }
  if (pictures > 0) statistic.share = {hits, pictures};
  return statistic;
}

Statistic share_statistic(std::string name, std::span<const MeasureRows> rows, std::size_t column) {
  return share_statistic(std::move(name), rows, column_value(column));
}

Statistic class_mean_statistic(std::string name, std::span<const MeasureRows> rows,
                               const std::function<double(const MeasureRow&)>& value) {
  // By picture: its classes, numbered from 0, and what it adds to each.
  std::map<std::int64_t, std::size_t> numbers;
  std::vector<std::vector<std::pair<std::size_t, double>>> parts(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (const MeasureRow& row : rows[i])
      if (const double v = value(row); !std::isnan(v))
        parts[i].emplace_back(numbers.emplace(row.index, numbers.size()).first->second, v);
  return {std::move(name),
          [parts = std::move(parts), classes = numbers.size()](std::span<const std::int64_t> pictures) {
            std::vector<MeanPart> sums(classes);
            for (const std::int64_t i : pictures)
              for (const auto& [number, v] : parts[i]) sums[number].add(v);
            MeanPart all;
            for (const MeanPart& sum : sums)
              if (sum.count > 0) all.add(mean_of_part(sum));
            return mean_of_part(all);
          }};
}

}  // namespace backlight::tools
