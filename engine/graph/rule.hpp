// How a backward pass treats the activations that it meets. kernels/relu/relu.hpp has the equations.
#pragma once

#include <cstdint>

#include "engine/graph/op_kind.hpp"

namespace backlight {

/// Every operation's backward receives one. Only `standard` is a gradient.
enum class BackwardRule : std::uint8_t { standard, deconvnet, guided };

/// Whether a rule says something of an operation: `standard` of every one, the others of ReLU and ReLU6.
constexpr bool is_defined_at(BackwardRule rule, OpKind kind) {
  return rule == BackwardRule::standard || kind == OpKind::relu || kind == OpKind::relu6;
}

/// What an operation's backward follows under a rule: the gradient where the rule is not defined, as captum and
/// pytorch-grad-cam take it there. (Those know nn.ReLU alone and take it at ReLU6, too.)
constexpr BackwardRule rule_at(OpKind kind, BackwardRule rule) {
  return is_defined_at(rule, kind) ? rule : BackwardRule::standard;
}

}  // namespace backlight
