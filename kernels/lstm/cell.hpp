// One item of one step, of which both the CPU's code and CUDA's are made: loops that a compiler computes several elements
// at once of.
#pragma once

#include "kernels/elementary.hpp"
#include "kernels/lstm/lstm.hpp"

namespace backlight {

/// What item n has of a forward step: `hidden` elements of each array, of gates four times as many.
template <class T>
struct LstmForwardItem {
  constexpr LstmForwardItem(const LstmStepParams& p, const LstmForward<T>& a, std::int64_t n)
      : hidden(p.hidden) {
    const std::int64_t place = n * p.steps + p.step;
    word = !a.tokens || a.tokens[place] != 0;
    recurrent = a.recurrent + n * 4 * hidden;
    gates = a.gates + place * 4 * hidden;
    h = a.h + n * hidden;
    c = a.c + n * hidden;
    y = a.y + place * hidden;
    h_before = a.h_before ? a.h_before + place * hidden : nullptr;
    c_before = a.c_before ? a.c_before + place * hidden : nullptr;
  }

  /// Elements [begin, end) of the state.
  constexpr void compute(std::int64_t begin, std::int64_t end) const {
    if (h_before) {
      for (std::int64_t j = begin; j < end; ++j) h_before[j] = h[j];
      for (std::int64_t j = begin; j < end; ++j) c_before[j] = c[j];
    }
    if (!word) {
      for (std::int64_t j = begin; j < end; ++j) y[j] = T{0};
      return;
    }
#pragma GCC ivdep
    for (std::int64_t j = begin; j < end; ++j) {
      const T i = logistic(gates[j] + recurrent[j]);
      const T f = logistic(gates[hidden + j] + recurrent[hidden + j]);
      const T g = hyperbolic_tangent(gates[2 * hidden + j] + recurrent[2 * hidden + j]);
      const T o = logistic(gates[3 * hidden + j] + recurrent[3 * hidden + j]);
      gates[j] = i;
      gates[hidden + j] = f;
      gates[2 * hidden + j] = g;
      gates[3 * hidden + j] = o;
      const T new_c = f * c[j] + i * g;
      c[j] = new_c;
      y[j] = h[j] = o * hyperbolic_tangent(new_c);
    }
  }

  std::int64_t hidden;
  bool word = false;
  const T* recurrent = nullptr;
  T *gates = nullptr, *h = nullptr, *c = nullptr, *y = nullptr, *h_before = nullptr, *c_before = nullptr;
};

/// And of a backward step.
template <class T>
struct LstmBackwardItem {
  constexpr LstmBackwardItem(const LstmStepParams& p, const LstmBackward<T>& a, std::int64_t n)
      : hidden(p.hidden) {
    const std::int64_t place = n * p.steps + p.step;
    word = !a.tokens || a.tokens[place] != 0;
    gates = a.gates + place * 4 * hidden;
    c_before = a.c_before + place * hidden;
    dy = a.dy ? a.dy + place * hidden : nullptr;
    through = a.through ? a.through + n * hidden : nullptr;
    dh = a.dh + n * hidden;
    dc = a.dc + n * hidden;
    da = a.da + place * 4 * hidden;
    da_step = a.da_step + n * 4 * hidden;
  }

  /// Elements [begin, end) of the state.
  constexpr void compute(std::int64_t begin, std::int64_t end) const {
    if (through)
      for (std::int64_t j = begin; j < end; ++j) dh[j] += through[j];
    if (!word) {
      for (std::int64_t gate = 0; gate < 4 * hidden; gate += hidden)
        for (std::int64_t j = begin; j < end; ++j) da[gate + j] = da_step[gate + j] = T{0};
      return;
    }
    if (dy)
      for (std::int64_t j = begin; j < end; ++j) dh[j] += dy[j];
#pragma GCC ivdep
    for (std::int64_t j = begin; j < end; ++j) {
      const T i = gates[j], f = gates[hidden + j], g = gates[2 * hidden + j], o = gates[3 * hidden + j];
      const T t = hyperbolic_tangent(f * c_before[j] + i * g);
      const T at_c = dc[j] + dh[j] * o * (T{1} - t * t);
      da[j] = da_step[j] = at_c * g * i * (T{1} - i);
      da[hidden + j] = da_step[hidden + j] = at_c * c_before[j] * f * (T{1} - f);
      da[2 * hidden + j] = da_step[2 * hidden + j] = at_c * i * (T{1} - g * g);
      da[3 * hidden + j] = da_step[3 * hidden + j] = dh[j] * t * o * (T{1} - o);
      dh[j] = T{0};
      dc[j] = at_c * f;
    }
  }

  std::int64_t hidden;
  bool word = false;
  const T *gates = nullptr, *c_before = nullptr, *dy = nullptr, *through = nullptr;
  T *dh = nullptr, *dc = nullptr, *da = nullptr, *da_step = nullptr;
};

}  // namespace backlight
