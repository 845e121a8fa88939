// What is explained of a picture: a scalar function of the network's scores.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "engine/run/run.hpp"

namespace backlight {

/// What speaks for the target, or what would lower it (the negated target).
enum class Direction : std::uint8_t { evidence, counterfactual };

/// What of a class is explained. y are an image's scores, n is the class, p the classes' probabilities: softmax(y), or
/// σ(y) of each class by itself. Of a network with one output z, which has two classes, y is (−z, z) and p is σ(y).
enum class Aim : std::uint8_t {
  score,            ///< y_n
  probability,      ///< p_n, whose gradient vanishes where the network is sure
  log_probability,  ///< log p_n: the score against all others, each by its probability
  /// Finer-CAM (arXiv:2501.11309), the score against those most like it: y_n − Σ_r q_r y_r over the three classes r
  /// whose scores are nearest to y_n (the lower index first among equals), q = softmax of their scores, held fixed:
  /// ∂/∂y_r = −q_r.
  finer,
  /// The same with a gradient through q, which pytorch-grad-cam and the authors take: ∂/∂y_r = −q_r (1 + y_r − Σ q y).
  finer_pytorch_grad_cam,
  finer_torch_cam,  ///< y_n − 0.6·mean y_r
};

/// "score", "probability", "log-probability", "finer", "finer-pytorch-grad-cam", "finer-torch-cam".
std::string_view name_of(Aim aim);
/// Throws Error(usage) with the nearest names.
Aim parse_aim(std::string_view name);

/// A caller's own scalar of each image, by its gradient at a value of the network.
struct OwnTarget {
  Seed seed;                   ///< at a probe's scores or one of its layers
  std::vector<double> values;  ///< one per image
};

/// cos(v, u) of each image's value v, all of it as one vector, with u: how like its features are to others, such as
/// another picture's. ∂/∂v = (û − cos·v̂)/‖v‖; its counterfactual explains the difference. v is N×…, in the host's
/// memory, and what `node` has. Throws Error(usage) for a u of another size, Error(bad_input) where a vector has no
/// length.
OwnTarget similarity(NodeId node, const Tensor& v, std::span<const float> u);

/// Σ_ij mask_ij y_c,ij of a value y, N×C×H×W, with the class c of each image and a mask of H×W. Throws Error(usage) for
/// shapes and classes that do not fit.
OwnTarget masked_sum(NodeId node, const Tensor& y, std::span<const std::int64_t> classes, const Tensor& mask);

/// One scalar per image: f(n) + Σ_o w_o f(o), where f is what the aim says of a class.
struct Target {
  struct Other {
    std::int64_t index = 0;
    double weight = -1;  ///< −1: what sets the class apart from this one

    friend bool operator==(const Other&, const Other&) = default;
  };

  /// n of each image, as people count them: a network of one output has two.
  std::vector<std::int64_t> classes = {};
  Direction direction = Direction::evidence;
  Aim aim = Aim::score;
  std::vector<Other> others = {};  ///< not for finer aims, which find their own
  bool sigmoid = false;            ///< how scores become probabilities
  /// In place of all this but the direction; of the picture alone, not of inputs like it.
  std::shared_ptr<const OwnTarget> own = {};

  friend bool operator==(const Target&, const Target&) = default;
};

/// Whether it is Σ_k c_k y_k with c the same at all scores y.
bool is_sum_of_scores(const Target& target);

/// A target at certain scores.
struct TargetValues {
  std::vector<double> values;  ///< one per image
  Tensor gradient;             ///< N×K, in the scores' type
};

/// Of a target without one of its own. Scores are N×K, in the host's memory. Throws Error(usage) for a class that the
/// network does not have, for classes that are not one per row, and for others of a finer aim.
TargetValues evaluate(const Target& target, const Tensor& scores);

}  // namespace backlight
