// One element of one step, of which both the CPU's code and CUDA's are made.
#pragma once

#include <cmath>

#include "kernels/lstm/lstm.hpp"

namespace backlight {

template <class T>
constexpr T lstm_sigmoid(T x) {
  return T{1} / (T{1} + std::exp(-x));
}

/// Element `index` of batch×hidden.
template <class T>
constexpr void lstm_forward_element(const LstmStepParams& p, const LstmForward<T>& a, std::int64_t index) {
  const std::int64_t n = index / p.hidden, j = index - n * p.hidden;
  const std::int64_t place = n * p.steps + p.step, at = place * p.hidden + j;
  const T c_before = a.c[index];
  if (a.h_before) {
    a.h_before[at] = a.h[index];
    a.c_before[at] = c_before;
  }
  if (a.tokens && a.tokens[place] == 0) {
    a.y[at] = T{0};
    return;
  }
  const T* recurrent = a.recurrent + n * 4 * p.hidden + j;
  T* gates = a.gates + place * 4 * p.hidden + j;
  const T i = lstm_sigmoid(gates[0] + recurrent[0]);
  const T f = lstm_sigmoid(gates[p.hidden] + recurrent[p.hidden]);
  const T g = std::tanh(gates[2 * p.hidden] + recurrent[2 * p.hidden]);
  const T o = lstm_sigmoid(gates[3 * p.hidden] + recurrent[3 * p.hidden]);
  gates[0] = i;
  gates[p.hidden] = f;
  gates[2 * p.hidden] = g;
  gates[3 * p.hidden] = o;
  const T c = f * c_before + i * g;
  a.c[index] = c;
  a.y[at] = a.h[index] = o * std::tanh(c);
}

template <class T>
constexpr void lstm_backward_element(const LstmStepParams& p, const LstmBackward<T>& a, std::int64_t index) {
  const std::int64_t n = index / p.hidden, j = index - n * p.hidden;
  const std::int64_t place = n * p.steps + p.step, at = place * p.hidden + j;
  T* da = a.da + place * 4 * p.hidden + j;
  T* da_step = a.da_step + n * 4 * p.hidden + j;
  T dh = a.through ? a.dh[index] + a.through[index] : a.dh[index];
  if (a.tokens && a.tokens[place] == 0) {
    a.dh[index] = dh;
    for (int gate = 0; gate < 4; ++gate) da[gate * p.hidden] = da_step[gate * p.hidden] = T{0};
    return;
  }
  if (a.dy) dh += a.dy[at];
  const T* gates = a.gates + place * 4 * p.hidden + j;
  const T i = gates[0], f = gates[p.hidden], g = gates[2 * p.hidden], o = gates[3 * p.hidden];
  const T c_before = a.c_before[at];
  const T t = std::tanh(f * c_before + i * g);
  const T dc = a.dc[index] + dh * o * (T{1} - t * t);
  da[0] = da_step[0] = dc * g * i * (T{1} - i);
  da[p.hidden] = da_step[p.hidden] = dc * c_before * f * (T{1} - f);
  da[2 * p.hidden] = da_step[2 * p.hidden] = dc * i * (T{1} - g * g);
  da[3 * p.hidden] = da_step[3 * p.hidden] = dh * t * o * (T{1} - o);
  a.dh[index] = T{0};
  a.dc[index] = dc * f;
}

}  // namespace backlight
