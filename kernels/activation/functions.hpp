// The activations, a struct each, of which both the CPU's code and CUDA's are made: y = value(x), and the derivative
// of it at x, computed from y where y is enough, else from x. A new one is a struct and its place in `Activation`,
// beside its name in engine/graph/op_kind.hpp and a line in activation_layer.cpp.
#pragma once

#include <cmath>
#include <numbers>
#include <variant>

#include "engine/graph/op_kind.hpp"
#include "kernels/elementary.hpp"

namespace backlight {
namespace activations {

struct Sigmoid {
  static constexpr OpKind kind = OpKind::sigmoid;
  static constexpr bool reads_y = true;
  template <class T>
  constexpr T value(T x) const {
    return logistic(x);
  }
  template <class T>
  constexpr T derivative(T y) const {
    return y * (T{1} - y);
  }
};

struct Tanh {
  static constexpr OpKind kind = OpKind::tanh;
  static constexpr bool reads_y = true;
  template <class T>
  constexpr T value(T x) const {
    return hyperbolic_tangent(x);
  }
  template <class T>
  constexpr T derivative(T y) const {
    return T{1} - y * y;
  }
};

struct Silu {
  static constexpr OpKind kind = OpKind::silu;
  static constexpr bool reads_y = false;
  template <class T>
  constexpr T value(T x) const {
    return x / (T{1} + exponential(-x));
  }
  template <class T>
  constexpr T derivative(T x) const {
    const T s = Sigmoid{}.value(x);
    return s * (T{1} + x * (T{1} - s));
  }
};

struct HardSigmoid {
  static constexpr OpKind kind = OpKind::hard_sigmoid;
  static constexpr bool reads_y = false;
  template <class T>
  constexpr T value(T x) const {
    const T shifted = x + T{3};
    return (shifted < T{0} ? T{0} : shifted > T{6} ? T{6} : shifted) / T{6};
  }
  template <class T>
  constexpr T derivative(T x) const {
    return x > T{-3} && x < T{3} ? T{1} / T{6} : T{0};
  }
};

struct HardSwish {
  static constexpr OpKind kind = OpKind::hard_swish;
  static constexpr bool reads_y = false;
  template <class T>
  constexpr T value(T x) const {
    return x * HardSigmoid{}.value(x);
  }
  template <class T>
  constexpr T derivative(T x) const {
    return x <= T{-3} ? T{0} : x >= T{3} ? T{1} : x / T{3} + T{1} / T{2};
  }
};

struct LeakyRelu {
  static constexpr OpKind kind = OpKind::leaky_relu;
  static constexpr bool reads_y = false;
  double negative_slope;
  template <class T>
  constexpr T value(T x) const {
    return x * derivative(x);
  }
  template <class T>
  constexpr T derivative(T x) const {
    return x > T{0} ? T{1} : static_cast<T>(negative_slope);
  }
};

struct Gelu {
  static constexpr OpKind kind = OpKind::gelu;
  static constexpr bool reads_y = false;
  template <class T>
  constexpr T value(T x) const {
    return x * cumulative(x);
  }
  template <class T>
  constexpr T derivative(T x) const {
    constexpr T density_at_0 = std::numbers::inv_sqrtpi_v<T> / std::numbers::sqrt2_v<T>;
    return cumulative(x) + x * density_at_0 * exponential(-x * x / T{2});
  }

 private:
  /// Φ, of the normal distribution.
  template <class T>
  static constexpr T cumulative(T x) {
    return std::erfc(-x / std::numbers::sqrt2_v<T>) / T{2};
  }
};

struct GeluTanh {
  static constexpr OpKind kind = OpKind::gelu;
  static constexpr bool reads_y = false;
  template <class T>
  constexpr T value(T x) const {
    return x * (T{1} + hyperbolic_tangent(x * slope(x, T{1}))) / T{2};
  }
  template <class T>
  constexpr T derivative(T x) const {
    const T t = hyperbolic_tangent(x * slope(x, T{1}));
    return (T{1} + t) / T{2} + x * (T{1} - t * t) / T{2} * slope(x, T{3});
  }

 private:
  /// √(2/π)·(1 + k·0.044715·x²): with k = 1 of the chord of the tanh's argument, with k = 3 of its tangent.
  template <class T>
  static constexpr T slope(T x, T k) {
    constexpr T at_0 = std::numbers::inv_sqrtpi_v<T> * std::numbers::sqrt2_v<T>;
    return at_0 * (T{1} + k * static_cast<T>(0.044715) * x * x);
  }
};

}  // namespace activations

using Activation =
    std::variant<activations::Sigmoid, activations::Tanh, activations::Silu, activations::HardSigmoid,
                 activations::HardSwish, activations::LeakyRelu, activations::Gelu, activations::GeluTanh>;

}  // namespace backlight
