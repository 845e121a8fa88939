// What a network's outputs say of its classes.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace backlight {

/// How scores become probabilities: of classes that exclude each other, or of each for itself.
enum class ScoreFunction : std::uint8_t { softmax, sigmoid };

/// "softmax", "sigmoid".
std::string_view name_of(ScoreFunction function);

/// The scores of a network's classes and their probabilities.
struct ClassScores {
  std::vector<float> logits;
  std::vector<double> probabilities;

  /// The `count` best classes, best first, the lower index first among equals; all when there are fewer.
  std::vector<std::int64_t> best(std::size_t count) const;
};

/// From one image's outputs. A network of one output z has two classes, that something is not there (score
/// −z) and that it is (z), whose probabilities are 1 − σ(z) and σ(z). Throws Error(bad_input) for a score that
/// is NaN or infinite.
ClassScores class_scores(std::span<const float> outputs, ScoreFunction function);

}  // namespace backlight
