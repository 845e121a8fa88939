#include "tools/diagnose/bias_report.hpp"

#include <cmath>
#include <functional>
#include <limits>

#include "engine/core/version.hpp"
#include "tools/backlight/explain_panel.hpp"
#include "tools/backlight/scores.hpp"
#include "tools/diagnose/attacker.hpp"
#include "tools/evaluate/report.hpp"

namespace backlight::tools {
namespace {

using scenes::BadgeAnswer;

enum class Among : std::uint8_t { all, agreeing, disagreeing };

/// A mean over test scenes.
struct BiasNumber {
  const char* name;
  const char* words;  ///< on the page
  double (*of)(const BadgeAnswer&);
  Among among = Among::all;

  bool counts(const BadgeAnswer& answer) const {
    return among == Among::all || answer.agrees() == (among == Among::agreeing);
  }
};

double is_right(const BadgeAnswer& answer) { return answer.right(); }

constexpr std::array kBiasNumbers{
    BiasNumber{"accuracy", "right answers", is_right},
    BiasNumber{"accuracy_agreeing", "right where the badge agrees", is_right, Among::agreeing},
    BiasNumber{"accuracy_disagreeing", "right where the badge disagrees", is_right, Among::disagreeing},
    BiasNumber{"energy_cue", "share of the map on the cue (energy)",
               [](const BadgeAnswer& a) { return a.cue_energy; }},
    BiasNumber{"energy_badge", "share of the map on the badge",
               [](const BadgeAnswer& a) { return a.badge_energy; }},
    BiasNumber{"energy_badge_disagreeing", "the same where the badge disagrees",
               [](const BadgeAnswer& a) { return a.badge_energy; }, Among::disagreeing},
    BiasNumber{"points_at_cue", "the map's maximum lies on the cue",
               [](const BadgeAnswer& a) { return double(a.points_at_cue); }},
    BiasNumber{"points_at_badge", "the map's maximum lies on the badge",
               [](const BadgeAnswer& a) { return double(a.points_at_badge); }},
    BiasNumber{"area_cue", "share of a uniform map on the cue",
               [](const BadgeAnswer& a) { return a.cue_area; }},
    BiasNumber{"area_badge", "share of a uniform map on the badge",
               [](const BadgeAnswer& a) { return a.badge_area; }},
    BiasNumber{"no_evidence", "maps without positive evidence",
               [](const BadgeAnswer& a) { return double(!a.evidence); }},
};

double mean_of(const BiasNumber& number, const std::vector<BadgeAnswer>& answers) {
  double sum = 0, count = 0;
  for (const BadgeAnswer& answer : answers)
    if (number.counts(answer)) sum += number.of(answer), ++count;
  return count > 0 ? sum / count : std::numeric_limits<double>::quiet_NaN();
}

/// Of each test scene the mean over the networks of a training, NaN where it does not count.
std::vector<double> means_by_scene(const BiasNumber& number,
                                   const std::vector<std::vector<BadgeAnswer>>& by_seed) {
  std::vector<double> means;
  for (std::size_t i = 0; i < by_seed.front().size(); ++i) {
    double sum = 0;
    for (const std::vector<BadgeAnswer>& answers : by_seed) sum += number.of(answers[i]);
    means.push_back(number.counts(by_seed.front()[i]) ? sum / static_cast<double>(by_seed.size())
                                                      : std::numeric_limits<double>::quiet_NaN());
  }
  return means;
}

double mean_of_drawn(const std::vector<double>& values, std::span<const std::int64_t> drawn) {
  double sum = 0, count = 0;
  for (const std::int64_t i : drawn)
    if (const double v = values[static_cast<std::size_t>(i)]; !std::isnan(v)) sum += v, ++count;
  return count > 0 ? sum / count : std::numeric_limits<double>::quiet_NaN();
}

PanelCell map_cell(const Image& scene, const BadgeAnswer& answer) {
  std::string caption = text(scenes::kCueNames.at(static_cast<std::size_t>(answer.predicted)), " ",
                             percent(answer.probability), answer.right() ? "" : ": wrong");
  if (!answer.evidence) caption += ", no positive evidence";
  return {overlay_on_input(scene, answer.map), caption};
}

}  // namespace

Json bias_results(const BiasAnswers& answers, std::uint64_t first_seed, const Bootstrap& how) {
  Json results{{"networks", Json::array()}, {"overall", Json::array()}};
  for (std::size_t t = 0; t < kTrainings.size(); ++t)
    for (std::size_t s = 0; s < answers[t].size(); ++s) {
      Json network{{"training", kTrainings[t]}, {"seed", first_seed + s}};
      for (const BiasNumber& number : kBiasNumbers) {
        const double mean = mean_of(number, answers[t][s]);
        network[number.name] = std::isnan(mean) ? Json() : Json(mean);
      }
      results["networks"].push_back(std::move(network));
    }
  std::array<std::vector<std::vector<double>>, kTrainings.size()> means;
  for (std::size_t t = 0; t < kTrainings.size(); ++t)
    for (const BiasNumber& number : kBiasNumbers) means[t].push_back(means_by_scene(number, answers[t]));
  constexpr std::size_t kCount = kBiasNumbers.size();
  const std::vector<Estimate> estimates = bootstrap(
      std::ssize(answers[0].front()), 3 * kCount,
      [&](std::span<const std::int64_t> drawn, std::span<double> values) {
        for (std::size_t k = 0; k < kCount; ++k) {
          for (std::size_t t = 0; t < kTrainings.size(); ++t)
            values[t * kCount + k] = mean_of_drawn(means[t][k], drawn);
          values[2 * kCount + k] = values[kCount + k] - values[k];
        }
      },
      how);
  for (std::size_t k = 0; k < kCount; ++k)
    results["overall"].push_back({{"name", kBiasNumbers[k].name},
                                  {"biased", estimate_json(estimates[k])},
                                  {"balanced", estimate_json(estimates[kCount + k])},
                                  {"difference", estimate_json(estimates[2 * kCount + k])}});
  return results;
}

std::string bias_rows(const BiasAnswers& answers, std::uint64_t first_seed) {
  std::string rows =
      "training,seed,scene,cue,badge,predicted,probability,energy_cue,energy_badge,area_cue,area_badge,"
      "points_at_cue,"
      "points_at_badge,evidence\n";
  for (std::size_t t = 0; t < kTrainings.size(); ++t)
    for (std::size_t s = 0; s < answers[t].size(); ++s)
      for (std::size_t i = 0; i < answers[t][s].size(); ++i) {
        const BadgeAnswer& a = answers[t][s][i];
        const auto name = [](const auto& names, int index) {
          return names.at(static_cast<std::size_t>(index));
        };
        rows += text(kTrainings[t], ",", first_seed + s, ",", i, ",", name(scenes::kCueNames, a.label), ",",
                     name(scenes::kBadgeNames, a.badge), ",", name(scenes::kCueNames, a.predicted));
        for (const double v : {a.probability, a.cue_energy, a.badge_energy, a.cue_area, a.badge_area})
          rows += "," + Json(v).dump();
        rows += text(",", a.points_at_cue, ",", a.points_at_badge, ",", a.evidence, "\n");
      }
  return rows;
}

Panel bias_panel(const BiasAnswers& answers, std::uint64_t test_seed, int size) {
  Panel panel;
  panel.columns = {"Scene", "Grad-CAM, trained on biased scenes", "Grad-CAM, trained on balanced scenes"};
  panel.color_bar = panel_color_bar(Preset::pytorch_grad_cam);
  panel.color_bar->column = 2;
  panel.footer = text(
      "first test scene of each kind, first seed's networks; maps of the class that they say; backlight ",
      version());
  panel.picture_height = 160;
  for (std::size_t label = 0; label < scenes::kCueNames.size(); ++label)
    for (std::size_t badge = 0; badge < scenes::kBadgeNames.size(); ++badge) {
      const auto& of_scenes = answers[0].front();
      const auto of_kind = [&](const BadgeAnswer& a) {
        return a.label == int(label) && a.badge == int(badge);
      };
      const auto found = std::ranges::find_if(of_scenes, of_kind);
      if (found == of_scenes.end()) continue;
      const auto i = static_cast<std::size_t>(found - of_scenes.begin());
      const Image scene = scenes::render_badge_scene(test_seed, i, {0.5, 0.5}, size).image;
      PanelRow row{.label = text(scenes::kCueNames[label], ", ", scenes::kBadgeNames[badge]),
                   .details = {label == badge ? "the badge agrees" : "the badge disagrees"},
                   .cells = {{scene}}};
      for (const auto& of_training : answers) row.cells.push_back(map_cell(scene, of_training.front()[i]));
      panel.rows.push_back(std::move(row));
    }
  return panel;
}

std::vector<DiagnosisSection> bias_page(const Json& document, const std::vector<std::uint8_t>& figure) {
  const Json& agreement = document["agreement"];
  DiagnosisSection means{.heading = "Does the network look at the cue or at the badge?"};
  means.paragraphs = {
      text(document["scenes"], " scenes have a cue, a ", scenes::kCueNames[0], " or a ", scenes::kCueNames[1],
           ", which is the class, and elsewhere a badge. In the biased ones the badge is ",
           scenes::kBadgeNames[0], " in ", percent(agreement[0]), " of the scenes with a ",
           scenes::kCueNames[0], " and ", scenes::kBadgeNames[1], " in ", percent(agreement[1]),
           " of those with a ", scenes::kCueNames[1],
           "; in the balanced ones, as many and but for the badges' colours the same, in half of each. Test "
           "scenes, ",
           document["test"]["scenes"], " others, are balanced. For either training there ",
           document["seeds"] == 1 ? "is " : "are ", counted(document["seeds"].get<std::size_t>(), "network"),
           ", each with scenes and first weights of its own."),
      "± is half of the 95 % interval over test scenes; networks differ by more, as the next table shows. "
      "Maps are "
      "Grad-CAM of the class that the network says."};
  means.titles = {"mean over the networks", "biased", "balanced", "difference"};
  for (std::size_t k = 0; k < kBiasNumbers.size(); ++k) {
    const Json& entry = document["overall"][k];
    means.rows.push_back({kBiasNumbers[k].words, estimate_text(entry["biased"]),
                          estimate_text(entry["balanced"]), estimate_text(entry["difference"])});
  }
  DiagnosisSection networks{.heading = "Network by network"};
  networks.titles = {"trained on",      "seed",       "right",       "badge agrees",
                     "badge disagrees", "map on cue", "map on badge"};
  for (const Json& network : document["networks"]) {
    std::vector<std::string> row{network["training"].get<std::string>(), network["seed"].dump()};
    for (const char* name :
         {"accuracy", "accuracy_agreeing", "accuracy_disagreeing", "energy_cue", "energy_badge"})
      row.push_back(network[name].is_null() ? "–" : decimal(network[name], 3));
    networks.rows.push_back(std::move(row));
  }
  DiagnosisSection kinds{.heading = "The four kinds of scenes"};
  kinds.pictures = {{"The first test scene of each kind, with maps", figure}};
  return {std::move(means), std::move(networks), std::move(kinds)};
}

}  // namespace backlight::tools
