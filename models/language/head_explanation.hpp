// What in a picture made a head say a word, a sentence or an answer: maps over the CNN's last map A, from the head alone.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/explain/explanation.hpp"

namespace backlight::language {

/// One of the head's scores: that of word or answer `id`, behind the token at `step` (0 for an answer).
struct Said {
  std::int64_t step = 0, id = 0;
};

/// y = Σ over `said` of the score, or of log p: a word, an answer, or the words of a sentence, whose log p it sums as
/// the paper does; never a sentence's plain scores, whose sum means nothing.
struct HeadTarget {
  std::vector<Said> said = {};
  bool log_probability = false;
  Direction direction = Direction::evidence;
};

struct HeadMapOptions {
  /// Points of the path average (engine/explain/layer_path.hpp); 1 is the paper's plain gradient, which fails where the
  /// head saturates.
  int steps = 16;
  /// Σ_k g_k ∘ A_k (HiResCAM) in place of Σ_k mean(g_k) A_k: what says *where* averages to nothing over positions.
  bool elementwise = false;
};

/// Of one picture: its map, 1×K×h×w, and the tokens that the head reads about it. A head is a network with the inputs
/// "map" and "tokens" whose output is scores, N×answers or N×T×words.
class HeadExplanation {
 public:
  /// Network and context must outlive it. Throws as Run does.
  HeadExplanation(const Network& head, Context& context, const Tensor& map, std::span<const std::int32_t> tokens);

  /// answers, or T×words, in the host's memory.
  const Tensor& scores() const { return scores_; }
  /// A value that the head computed, in the host's memory: attention, for instance.
  Tensor value(NodeId node) const { return context_.to_host(run_->value(node)); }
  /// y at the picture's own map. Throws Error(usage) for a step or an id that the scores do not have.
  double value(const HeadTarget& target) const;

  /// ∂y/∂A of every target, targets×K×h×w, averaged over `steps` points of the path from no map to the picture's. In
  /// the host's memory. All points of all targets are one batch of the head. Throws as value() does.
  Tensor gradients(std::span<const HeadTarget> targets, int steps) const;
  /// A map, h×w, for every target; α, K, unless it is elementwise. Raw and signed, in the host's memory. Throws as
  /// gradients() does.
  std::vector<ClassMap> maps(std::span<const HeadTarget> targets, const HeadMapOptions& options = {}) const;
  /// ∂y/∂A, 1×K×h×w, under a rule at the encoder's ReLUs: the seed at the CNN's map from which a gradient goes on to
  /// the picture.
  Tensor gradient(const HeadTarget& target, BackwardRule rule = BackwardRule::standard);

 private:
  void require(const HeadTarget& target) const;

  Context& context_;
  NodeId map_;
  std::optional<Run> run_;
  Tensor scores_;
};

/// Maps, h×w, of activations and their gradients, both N×K×h×w in the host's memory; α, K, unless they are elementwise.
std::vector<ClassMap> gradient_maps(const Tensor& activations, const Tensor& gradients, bool elementwise);

/// Guided Backprop of a CNN and its head, 1×C×H×W: the guided gradient at the CNN's output, the head's map, goes on in
/// the CNN to its input, where its run can be asked for gradients. In the host's memory.
Tensor guided_backprop(HeadExplanation& head, Run& cnn, const HeadTarget& target);

/// ∂y/∂scores is added to `dy`, where the scores are rows of `classes` values.
void add_score_gradient(const HeadTarget& target, std::span<const double> scores, std::int64_t classes,
                        std::span<double> dy);

}  // namespace backlight::language
