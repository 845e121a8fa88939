// How a backward pass treats the layers that it meets. kernels/relu/relu.hpp has the equations of deconvnet and guided,
// kernels/relevance/README.md those of the others.
#pragma once

#include <cstdint>

#include "engine/graph/op_kind.hpp"

namespace backlight {

/// Every operation's backward receives one. Only `standard` is a gradient.
enum class BackwardRule : std::uint8_t {
  standard,
  deconvnet,
  guided,
  // What follows reads every layer's values, for which the forward must have been told (ProgramOptions::rule).
  rescale,  ///< DeepLIFT: a batch's second half are the references of its first, row by row
  // LRP. All that flows is R/x, relevance over value, but for what arrives at an input by a rule of the input's own.
  lrp_epsilon,          ///< ε everywhere
  lrp_gamma_box,        ///< zennit's composites: z-box at the input, γ at convolutions, ε
  lrp_plus_flat,        ///< flat at the input, z⁺ at convolutions, ε
  lrp_alpha_beta_flat,  ///< flat at the input, α2β1 at convolutions, ε
};

constexpr bool reads_values(BackwardRule rule) { return rule >= BackwardRule::rescale; }
constexpr bool is_lrp(BackwardRule rule) { return rule >= BackwardRule::lrp_epsilon; }

/// What LRP does at a convolution or a fully connected layer.
enum class RelevanceRule : std::uint8_t { epsilon, gamma, plus, alpha2_beta1, box, flat };

/// `at_input`: whether the layer reads the network's input.
constexpr RelevanceRule relevance_rule(BackwardRule rule, OpKind kind, bool at_input) {
  const bool convolution = kind == OpKind::conv2d;
  switch (rule) {
    case BackwardRule::lrp_gamma_box:
      return at_input ? RelevanceRule::box : convolution ? RelevanceRule::gamma : RelevanceRule::epsilon;
    case BackwardRule::lrp_plus_flat:
      return at_input ? RelevanceRule::flat : convolution ? RelevanceRule::plus : RelevanceRule::epsilon;
    case BackwardRule::lrp_alpha_beta_flat:
      return at_input      ? RelevanceRule::flat
             : convolution ? RelevanceRule::alpha2_beta1
                           : RelevanceRule::epsilon;
    default:
      return RelevanceRule::epsilon;
  }
}
/// Whether what arrives at the input is R itself.
constexpr bool gives_relevance(BackwardRule rule) { return rule > BackwardRule::lrp_epsilon; }

/// Whether a rule says something of an operation: `standard` of every one, deconvnet and guided of ReLU and ReLU6, the
/// others of what is linear, of maximum pooling and of activations, LRP of those that are 0 at 0.
constexpr bool is_defined_at(BackwardRule rule, OpKind kind) {
  if (rule == BackwardRule::standard) return true;
  if (!reads_values(rule)) return kind == OpKind::relu || kind == OpKind::relu6;
  if (is_lrp(rule) && (kind == OpKind::sigmoid || kind == OpKind::hard_sigmoid)) return false;
  return is_affine(kind) || is_activation(kind) || kind == OpKind::max_pool2d;
}

/// What an operation's backward follows where its kernels know of the first three rules alone: the gradient where the
/// rule is not defined, as captum and pytorch-grad-cam take it there. (Those know nn.ReLU alone and take it at ReLU6,
/// too.)
constexpr BackwardRule rule_at(OpKind kind, BackwardRule rule) {
  return is_defined_at(rule, kind) && !reads_values(rule) ? rule : BackwardRule::standard;
}

}  // namespace backlight
