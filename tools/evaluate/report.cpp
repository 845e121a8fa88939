#include "tools/evaluate/report.hpp"

#include <algorithm>
#include <cmath>

#include "tools/backlight/scores.hpp"
#include "tools/backlight/table.hpp"

namespace backlight::tools {
namespace {

Json finite_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(); }

/// One measure of all candidates: its statistics, then their differences from the first candidate's, in one bootstrap.
Json measure_json(const Measure& measure, std::span<const std::string> candidates,
                  std::span<const std::vector<MeasureRows>> rows, const Bootstrap& how) {
  std::vector<std::vector<Statistic>> statistics;
  for (const std::vector<MeasureRows>& of_candidate : rows)
    statistics.push_back(measure.statistics(of_candidate));
  const std::size_t each = statistics.front().size(), all = each * candidates.size();
  const std::vector<Estimate> estimates = bootstrap(
      static_cast<std::int64_t>(rows.front().size()), 2 * all,
      [&](std::span<const std::int64_t> drawn, std::span<double> values) {
        for (std::size_t i = 0; i < all; ++i) {
          values[i] = statistics[i / each][i % each].of(drawn);
          values[all + i] = values[i] - values[i % each];
        }
      },
      how);
  Json list = Json::array();
  for (std::size_t c = 0; c < candidates.size(); ++c) {
    Json entry{{"measure", measure.name()}, {"method", candidates[c]}};
    entry["pictures"] =
        std::ranges::count_if(rows[c], [](const MeasureRows& of_picture) { return !of_picture.empty(); });
    entry["statistics"] = Json::array();
    for (std::size_t s = 0; s < each; ++s) {
      const Statistic& statistic = statistics[c][s];
      const std::size_t at = c * each + s;
      Json json{{"name", statistic.name}};
      const auto& share = statistic.share;
      json.update(estimate_json(share ? wilson(share->first, share->second) : estimates[at]));
      json["interval"] = share ? "wilson" : "bootstrap";
      json["difference"] = c == 0 ? Json() : estimate_json(estimates[all + at]);
      entry["statistics"].push_back(std::move(json));
    }
    entry["curves"] = Json::object();
    for (const Curve& curve : measure.curves(rows[c])) {
      Json& points = entry["curves"][curve.name] = Json::array();
      for (const auto& [x, y] : curve.points) points.push_back({finite_or_null(x), finite_or_null(y)});
    }
    list.push_back(std::move(entry));
  }
  return list;
}

/// `0.532 ±0.041`, and a star where the difference from the first method is none of chance's.
std::string cell_of(const Json& statistic) {
  if (statistic["value"].is_null()) return "-";
  std::string cell = decimal(statistic["value"], 3);
  if (statistic["low"].is_null()) return cell;
  cell += " ±" + decimal((statistic["high"].get<double>() - statistic["low"].get<double>()) / 2, 3);
  const Json& difference = statistic["difference"];
  const bool differs = !difference.is_null() && !difference["low"].is_null() &&
                       (difference["low"].get<double>() > 0 || difference["high"].get<double>() < 0);
  return cell + (differs ? "*" : "");
}

}  // namespace

Json estimate_json(const Estimate& estimate) {
  return {{"value", finite_or_null(estimate.value)},
          {"low", finite_or_null(estimate.low)},
          {"high", finite_or_null(estimate.high)}};
}

Json results_json(std::span<const std::unique_ptr<Measure>> measures, std::span<const std::string> candidates,
                  std::span<const PictureFindings* const> pictures, const Bootstrap& how) {
  Json list = Json::array();
  for (std::size_t m = 0; m < measures.size(); ++m) {
    std::vector<std::vector<MeasureRows>> rows(candidates.size());
    for (std::size_t c = 0; c < candidates.size(); ++c)
      for (const PictureFindings* picture : pictures) rows[c].push_back(picture->rows[m][c]);
    for (Json& entry : measure_json(*measures[m], candidates, rows, how)) list.push_back(std::move(entry));
  }
  return list;
}

std::string results_text(const Json& results) {
  std::string text;
  for (std::size_t i = 0; i < results.size();) {
    const std::string measure = results[i]["measure"];
    std::vector<std::string> titles{measure};
    for (const Json& statistic : results[i]["statistics"]) titles.push_back(statistic["name"]);
    Table table(std::move(titles));
    for (; i < results.size() && results[i]["measure"] == measure; ++i) {
      std::vector<std::string> cells{results[i]["method"]};
      for (const Json& statistic : results[i]["statistics"]) cells.push_back(cell_of(statistic));
      table.add(std::move(cells));
    }
    text += (text.empty() ? "" : "\n") + table.str();
  }
  return text;
}

}  // namespace backlight::tools
