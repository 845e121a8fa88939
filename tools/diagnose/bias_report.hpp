// What became of networks that were trained on biased scenes and on balanced ones, for a document, a page and a figure.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "engine/evaluate/intervals.hpp"
#include "models/scenes/badge_training.hpp"
#include "tools/backlight/panel.hpp"
#include "tools/backlight/result_json.hpp"
#include "tools/diagnose/page.hpp"

namespace backlight::tools {

inline constexpr std::array<std::string_view, 2> kTrainings = {"biased", "balanced"};

/// Of the same test scenes, by training, then by seed.
using BiasAnswers = std::array<std::vector<std::vector<scenes::BadgeAnswer>>, kTrainings.size()>;

/// `networks`: an entry per network; `overall`: an entry per number, means over the seeds' networks with intervals by
/// the bootstrap over test scenes, and the paired difference of the trainings.
Json bias_results(const BiasAnswers& answers, std::uint64_t first_seed, const Bootstrap& how);

/// A line per network and scene.
std::string bias_rows(const BiasAnswers& answers, std::uint64_t first_seed);

/// The first scene of each cue and badge, and the maps of the first seed's networks.
Panel bias_panel(const BiasAnswers& answers, std::uint64_t test_seed, int size);

/// The page about a document; `figure` is its panel as JPEG.
std::vector<DiagnosisSection> bias_page(const Json& document, const std::vector<std::uint8_t>& figure);

}  // namespace backlight::tools
