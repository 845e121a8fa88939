// What a run reports of all pictures.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/evaluate/intervals.hpp"
#include "tools/backlight/result_json.hpp"
#include "tools/evaluate/journal.hpp"

namespace backlight::tools {

/// `{value, low, high}`, null where a number is none.
Json estimate_json(const Estimate& estimate);

/// A list with an entry per measure and candidate: its statistics with their intervals, and how much it differs from
/// the first candidate on the same pictures.
Json results_json(std::span<const std::unique_ptr<Measure>> measures, std::span<const std::string> candidates,
                  std::span<const PictureFindings* const> pictures, const Bootstrap& how);
/// The same as tables for people.
std::string results_text(const Json& results);

}  // namespace backlight::tools
