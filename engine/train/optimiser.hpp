// SGD and Adam over named parameters, and the learning rates that they follow.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <variant>
#include <vector>

#include "engine/graph/network.hpp"

namespace backlight {

/// The equations are in kernels/sgd/sgd.hpp.
struct SgdOptions {
  double momentum = 0.9;
  /// Of weights with two dimensions or more; biases and batch norm's scales are left alone.
  double weight_decay = 5e-4;
  bool nesterov = true;
};

/// The equations are in kernels/adam/adam.hpp.
struct AdamOptions {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  /// A gradient that is longer, over all parameters, is scaled down to this norm, as by torch's clip_grad_norm_.
  double largest_norm = std::numeric_limits<double>::infinity();
};

/// Holds what an optimiser remembers of every trainable parameter.
class Optimiser {
 public:
  /// What is remembered lies in the context's memory.
  Optimiser(std::span<const NamedParameter> parameters, const Context& context,
            const std::variant<SgdOptions, AdamOptions>& options);

  /// Updates every trainable one of the same parameters; `gradients` as Run::backward returns them, `step` counts from
  /// 0. Throws Error(usage) for another number of gradients and where their norm is needed and not finite, changing
  /// nothing.
  void step(Context& context, std::span<const NamedParameter> parameters, std::span<const Tensor> gradients,
            double learning_rate, std::int64_t step);

  /// What is remembered, to be saved or restored: `velocity.NAME`, or `first_moment.NAME` and `second_moment.NAME`.
  std::vector<NamedParameter> state();

 private:
  std::variant<SgdOptions, AdamOptions> options_;
  std::vector<std::string> names_;
  /// One per parameter, undefined where not trainable; `seconds_` are Adam's alone.
  std::vector<Tensor> firsts_, seconds_;
};

/// √Σ g² over all gradients that are defined, in the context's memory. Waits for it.
double norm_of(Context& context, std::span<const Tensor> gradients);

/// Linear warm-up from 0 to `peak` over `warmup` steps, then half a cosine down to 0 at `steps` (Loshchilov,
/// Hutter 2017, arXiv:1608.03983): the rate of step 0 ≤ `step` < `steps`.
double cosine_learning_rate(std::int64_t step, std::int64_t steps, std::int64_t warmup, double peak);

}  // namespace backlight
