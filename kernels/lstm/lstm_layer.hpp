// Long short-term memory over a whole sequence, in one or more layers. Saved for backward: of each layer its gates, its
// state before every step, and what it read. No rule but `standard` is defined at it: dx is the gradient under every
// rule.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/graph/layer.hpp"

namespace backlight {

struct LstmOptions {
  std::int64_t layers = 1;
  bool bias = true;
  double dropout = 0;   ///< of what each layer but the last one gives the next, in training
  bool tokens = false;  ///< a further input, N×T of int32: a step whose token is 0 is left out
  bool state =
      false;  ///< a further input, N×(2·layers·hidden): where the sequence begins, instead of at zero
};

/// From x, N×T×in, to two values: y, N×T×hidden, what the last layer says at every step, zeros at a step that is left
/// out; and the state behind the last step, [c₁ h₁ c₂ h₂ …], N×(2·layers·hidden), which a step that is left out leaves
/// as it is. So padding may stand behind a sentence or before it, and a sentence may be run in pieces, a word each for
/// instance. Inputs follow as: x, tokens, state. Parameters, zero at first, are nn.LSTM's, whose gates stand as i f g
/// o: "weight_ih_l0", 4·hidden × in, "weight_hh_l0", 4·hidden × hidden, "bias_ih_l0", "bias_hh_l0"; then those of l1,
/// which reads `hidden` elements. Throws Error(usage) for sizes that are not positive or a dropout outside of [0, 1].
std::unique_ptr<Layer> lstm(std::int64_t in, std::int64_t hidden, const LstmOptions& options = {});

}  // namespace backlight
