// Long short-term memory (Hochreiter and Schmidhuber 1997; Gers et al. 2000), as PyTorch's nn.LSTM has it.
//
//   a_t = W_ih·x_t + b_ih + W_hh·h_{t−1} + b_hh           of 4·hidden elements: i, f, g, o one behind the other
//   i, f, o = σ(a_i, a_f, a_o),  g = tanh(a_g)
//   c_t = f·c_{t−1} + i·g,  h_t = o·tanh(c_t),  y_t = h_t
//
// A step without a word, whose token is 0, leaves c and h as they are, and its y is zero. Backward, from the last step
// to the first, with dh and dc what arrives at h_t and c_t from behind:
//
//   dh += dy_t,  do = dh·tanh(c_t),  dc += dh·o·(1 − tanh²(c_t)),  di = dc·g,  df = dc·c_{t−1},  dg = dc·i
//   da = (di·i·(1 − i), df·f·(1 − f), dg·(1 − g²), do·o·(1 − o)),  dc_{t−1} = dc·f,  dh_{t−1} = W_hhᵀ·da
//
// The products are linear's. What is left of a step is here.
#pragma once

#include <cstdint>

#include "kernels/cost.hpp"

namespace backlight {

class Context;

/// Step `step` of a sequence of `steps`. Arrays over the sequence are batch×steps×…, others batch×….
struct LstmStepParams {
  std::int64_t batch = 0, steps = 0, step = 0, hidden = 0;
};

/// What one forward step reads and writes.
template <class T>
struct LstmForward {
  const std::int32_t* tokens;  ///< over the sequence; null where every step has a word
  const T* recurrent;          ///< W_hh·h + b_hh, 4·hidden each
  T* gates;                ///< over the sequence, 4·hidden each: W_ih·x + b_ih at first, i f g o afterwards
  T *h, *c;                ///< the state, of which the next one is made
  T *h_before, *c_before;  ///< over the sequence: the state before each step; null where nobody asks
  T* y;                    ///< over the sequence
};

/// And one backward step.
template <class T>
struct LstmBackward {
  const std::int32_t* tokens;
  const T *gates, *c_before;
  const T* dy;       ///< over the sequence; null for zeros
  const T* through;  ///< what arrives at h by the next step's W_hh; null behind the last step
  T *dh, *dc;        ///< what arrives at the state without it; of this step, then of the one before
  T* da;             ///< over the sequence, 4·hidden each
  T* da_step;        ///< the same of this step alone
};

namespace cpu {

template <class T>
void lstm_step_forward(Context& context, const LstmStepParams& params, const LstmForward<T>& arrays);
template <class T>
void lstm_step_backward(Context& context, const LstmStepParams& params, const LstmBackward<T>& arrays);

}  // namespace cpu

/// As cpu:: does, in the context's stream.
namespace cuda {

void lstm_step_forward(Context& context, const LstmStepParams& params, const LstmForward<float>& arrays);
void lstm_step_backward(Context& context, const LstmStepParams& params, const LstmBackward<float>& arrays);

/// With all that is saved, and a word in every item; an exponential counts as one operation.
constexpr Cost lstm_step_forward_cost(const LstmStepParams& p) {
  return {4 * 19 * p.batch * p.hidden, 20 * p.batch * p.hidden};
}
constexpr Cost lstm_step_backward_cost(const LstmStepParams& p) {
  return {4 * 19 * p.batch * p.hidden, 30 * p.batch * p.hidden};
}

}  // namespace cuda
}  // namespace backlight
