// What the network said of one picture.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "models/model.hpp"

namespace backlight::tools {

/// Scores of one image before the softmax, and their softmax.
struct Scores {
  std::vector<float> logits;
  std::vector<double> probabilities;

  /// From a 1×K tensor. Throws Error(bad_input) for a score that is NaN or infinite.
  explicit Scores(const Tensor& scores);

  /// The `count` best classes, best first, the lower index first among equals; all when there are fewer.
  std::vector<std::int64_t> best(std::size_t count) const;
};

/// `  38.2 %  14.215   242  boxer`: probability, logit, index, name; one line.
std::string prediction_line(const Model& model, const Scores& scores, std::int64_t c);

/// `38.2 %`.
std::string percent(double probability);
/// A fixed number of decimals.
std::string decimal(double value, int decimals);

}  // namespace backlight::tools
