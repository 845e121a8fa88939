// SGD over the parameters of a network, and the learning rates it follows.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/graph/network.hpp"

namespace backlight {

struct SgdOptions {
  double momentum = 0.9;
  /// Of weights with two dimensions or more; biases and batch norm's scales are left alone.
  double weight_decay = 5e-4;
  bool nesterov = true;
};

/// Holds the velocity of every trainable parameter. The equations are in kernels/sgd/sgd.hpp.
class Sgd {
 public:
  /// The velocities lie in the context's memory. The network must outlive the optimiser.
  Sgd(Network& network, const Context& context, const SgdOptions& options);

  /// Updates every trainable parameter. `gradients` as Run::backward returns them.
  void step(Context& context, std::span<const Tensor> gradients, double learning_rate);

  /// The velocities under their parameters' names, to be saved or restored.
  std::vector<NamedParameter> velocities();

 private:
  SgdOptions options_;
  Network& network_;
  std::vector<Tensor> velocities_;  ///< one per parameter; undefined where not trainable
};

/// Linear warm-up from 0 to `peak` over `warmup` steps, then half a cosine down to 0 at `steps` (Loshchilov,
/// Hutter 2017, arXiv:1608.03983): the rate of step 0 ≤ `step` < `steps`.
double cosine_learning_rate(std::int64_t step, std::int64_t steps, std::int64_t warmup, double peak);

}  // namespace backlight
