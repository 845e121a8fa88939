#include "kernels/lstm/naive.hpp"

#include <cmath>

namespace backlight {
namespace {

using Vector = std::vector<double>;

double naive_sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// One layer's step, with what its backward needs.
struct NaiveStep {
  Vector x, h_before, c_before, i, f, g, o, tanh_c;
};

/// a += W·x + b, or with `back` of the transpose x' += Wᵀ·a'.
void add_product(const Tensor& w, const Vector& x, Vector& a) {
  for (std::size_t r = 0; r < a.size(); ++r)
    for (std::size_t k = 0; k < x.size(); ++k) a[r] += w.data<double>()[r * x.size() + k] * x[k];
}
void add_transposed_product(const Tensor& w, const Vector& a, Vector& x) {
  for (std::size_t r = 0; r < a.size(); ++r)
    for (std::size_t k = 0; k < x.size(); ++k) x[k] += w.data<double>()[r * x.size() + k] * a[r];
}
void add_outer_product(const Vector& a, const Vector& x, Tensor& dw) {
  for (std::size_t r = 0; r < a.size(); ++r)
    for (std::size_t k = 0; k < x.size(); ++k) dw.data<double>()[r * x.size() + k] += a[r] * x[k];
}
Vector part_of(const Tensor& t, std::size_t from, std::size_t count) {
  return {t.data<double>() + from, t.data<double>() + from + count};
}

}  // namespace

LayerResult naive_lstm(std::int64_t layer_count, bool tokens, bool state, const LayerInputs& in) {
  const auto layers = static_cast<std::size_t>(layer_count),
             hidden = static_cast<std::size_t>(in.w[1].shape()[1]);
  const auto batch = static_cast<std::size_t>(in.x[0].shape()[0]),
             steps = static_cast<std::size_t>(in.x[0].shape()[1]);
  const auto width = static_cast<std::size_t>(in.x[0].shape()[2]);
  const std::size_t of_state = 2 * layers * hidden, state_input = tokens ? 2 : 1;
  LayerResult result;
  result.y = Tensor::zeros(in.dy.shape(), DType::f64);
  result.more_y.push_back(Tensor::zeros(in.more_dy[0].shape(), DType::f64));
  result.dx.push_back(Tensor::zeros(in.x[0].shape(), DType::f64));
  if (tokens) result.dx.emplace_back();
  if (state) result.dx.push_back(Tensor::zeros(in.x[state_input].shape(), DType::f64));
  for (const Tensor& w : in.w) result.dw.push_back(Tensor::zeros(w.shape(), DType::f64));

  for (std::size_t n = 0; n < batch; ++n) {
    const auto has_word = [&](std::size_t t) {
      return !tokens || in.x[1].data<std::int32_t>()[n * steps + t] != 0;
    };
    std::vector<std::vector<NaiveStep>> ran(layers, std::vector<NaiveStep>(steps));
    std::vector<Vector> said(steps);  // by the layer below
    for (std::size_t t = 0; t < steps; ++t) said[t] = part_of(in.x[0], (n * steps + t) * width, width);
    for (std::size_t l = 0; l < layers; ++l) {
      const Tensor* w = &in.w[4 * l];
      Vector c(hidden, 0), h(hidden, 0);
      if (state) {
        c = part_of(in.x[state_input], n * of_state + 2 * l * hidden, hidden);
        h = part_of(in.x[state_input], n * of_state + (2 * l + 1) * hidden, hidden);
      }
      for (std::size_t t = 0; t < steps; ++t) {
        NaiveStep& s = ran[l][t];
        s = {.x = said[t], .h_before = h, .c_before = c, .i = c, .f = c, .g = c, .o = c, .tanh_c = c};
        said[t].assign(hidden, 0);
        if (!has_word(t)) continue;
        Vector a(4 * hidden, 0);
        add_product(w[0], s.x, a);
        add_product(w[1], h, a);
        for (std::size_t r = 0; r < 4 * hidden; ++r) a[r] += w[2].data<double>()[r] + w[3].data<double>()[r];
        for (std::size_t j = 0; j < hidden; ++j) {
          s.i[j] = naive_sigmoid(a[j]);
          s.f[j] = naive_sigmoid(a[hidden + j]);
          s.g[j] = std::tanh(a[2 * hidden + j]);
          s.o[j] = naive_sigmoid(a[3 * hidden + j]);
          c[j] = s.f[j] * c[j] + s.i[j] * s.g[j];
          s.tanh_c[j] = std::tanh(c[j]);
          said[t][j] = h[j] = s.o[j] * s.tanh_c[j];
        }
      }
      for (std::size_t j = 0; j < hidden; ++j) {
        result.more_y[0].data<double>()[n * of_state + 2 * l * hidden + j] = c[j];
        result.more_y[0].data<double>()[n * of_state + (2 * l + 1) * hidden + j] = h[j];
      }
    }
    std::vector<Vector> dsaid(steps);
    for (std::size_t t = 0; t < steps; ++t) {
      std::copy(said[t].begin(), said[t].end(), result.y.data<double>() + (n * steps + t) * hidden);
      dsaid[t] = part_of(in.dy, (n * steps + t) * hidden, hidden);
    }
    for (std::size_t l = layers; l-- > 0;) {
      const Tensor* w = &in.w[4 * l];
      Vector dc = part_of(in.more_dy[0], n * of_state + 2 * l * hidden, hidden);
      Vector dh = part_of(in.more_dy[0], n * of_state + (2 * l + 1) * hidden, hidden);
      for (std::size_t t = steps; t-- > 0;) {
        const NaiveStep& s = ran[l][t];
        Vector da(4 * hidden, 0), dx(s.x.size(), 0);
        if (has_word(t)) {
          for (std::size_t j = 0; j < hidden; ++j) {
            dh[j] += dsaid[t][j];
            dc[j] += dh[j] * s.o[j] * (1 - s.tanh_c[j] * s.tanh_c[j]);
            da[j] = dc[j] * s.g[j] * s.i[j] * (1 - s.i[j]);
            da[hidden + j] = dc[j] * s.c_before[j] * s.f[j] * (1 - s.f[j]);
            da[2 * hidden + j] = dc[j] * s.i[j] * (1 - s.g[j] * s.g[j]);
            da[3 * hidden + j] = dh[j] * s.tanh_c[j] * s.o[j] * (1 - s.o[j]);
            dc[j] *= s.f[j];
            dh[j] = 0;
          }
          add_transposed_product(w[0], da, dx);
          add_transposed_product(w[1], da, dh);
          add_outer_product(da, s.x, result.dw[4 * l]);
          add_outer_product(da, s.h_before, result.dw[4 * l + 1]);
          for (std::size_t r = 0; r < 4 * hidden; ++r)
            for (const std::size_t bias : {4 * l + 2, 4 * l + 3}) result.dw[bias].data<double>()[r] += da[r];
        }
        if (l == 0) std::copy(dx.begin(), dx.end(), result.dx[0].data<double>() + (n * steps + t) * width);
        dsaid[t] = std::move(dx);
      }
      for (std::size_t j = 0; state && j < hidden; ++j) {
        result.dx.back().data<double>()[n * of_state + 2 * l * hidden + j] = dc[j];
        result.dx.back().data<double>()[n * of_state + (2 * l + 1) * hidden + j] = dh[j];
      }
    }
  }
  return result;
}

}  // namespace backlight
