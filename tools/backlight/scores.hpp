// What the network said of one picture.
#pragma once

#include <cstdint>
#include <string>

#include "models/model.hpp"

namespace backlight::tools {

/// `  38.2 %  14.215   242  boxer`: probability, logit, index, name; one line.
std::string prediction_line(const Model& model, const ClassScores& scores, std::int64_t c);

/// How the probabilities came about: `softmax`, `sigmoid of one output` …
std::string scores_text(const Model& model);

/// `38.2 %`.
std::string percent(double probability);
/// A fixed number of decimals.
std::string decimal(double value, int decimals);

}  // namespace backlight::tools
