// What the network said of one picture.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/model.hpp"

namespace backlight::tools {

/// Scores of one image's classes, and their probabilities by the model's function.
struct Scores : ClassScores {
  /// From a tensor of 1×outputs. Throws Error(bad_input) for a score that is NaN or infinite.
  Scores(const Tensor& outputs, const Model& model);

  /// The `count` best classes, best first, the lower index first among equals; all when there are fewer.
  std::vector<std::int64_t> best(std::size_t count) const;
};

/// `  38.2 %  14.215   242  boxer`: probability, logit, index, name; one line.
std::string prediction_line(const Model& model, const Scores& scores, std::int64_t c);

/// How the probabilities came about: `softmax`, `sigmoid of one output` …
std::string scores_text(const Model& model);

/// `38.2 %`.
std::string percent(double probability);
/// A fixed number of decimals.
std::string decimal(double value, int decimals);

}  // namespace backlight::tools
