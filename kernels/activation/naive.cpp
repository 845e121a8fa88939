#include "kernels/activation/naive.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace backlight {
namespace {

struct ValueAndDerivative {
  double y, derivative;
};

ValueAndDerivative equations(OpKind kind, double slope, bool approximate, double x) {
  using std::numbers::pi;
  const double sigmoid = 1 / (1 + std::exp(-x));
  const double hard = std::min(std::max(x + 3, 0.0), 6.0) / 6;
  switch (kind) {
    case OpKind::sigmoid:
      return {sigmoid, sigmoid * (1 - sigmoid)};
    case OpKind::tanh:
      return {std::tanh(x), 1 - std::tanh(x) * std::tanh(x)};
    case OpKind::silu:
      return {x * sigmoid, sigmoid * (1 + x * (1 - sigmoid))};
    case OpKind::hard_sigmoid:
      return {hard, x > -3 && x < 3 ? 1.0 / 6 : 0};
    case OpKind::hard_swish:
      return {x * hard, x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5};
    case OpKind::leaky_relu:
      return {x > 0 ? x : slope * x, x > 0 ? 1 : slope};
    case OpKind::gelu:
      break;
    default:
      throw Error(ErrorKind::internal, kind, " is not one of these activations");
  }
  if (!approximate) {
    const double phi = (1 + std::erf(x / std::sqrt(2.0))) / 2;
    return {x * phi, phi + x * std::exp(-x * x / 2) / std::sqrt(2 * pi)};
  }
  const double t = std::tanh(std::sqrt(2 / pi) * (x + 0.044715 * x * x * x));
  const double tangent = std::sqrt(2 / pi) * (1 + 3 * 0.044715 * x * x);
  return {x * (1 + t) / 2, (1 + t) / 2 + x * (1 - t * t) / 2 * tangent};
}

}  // namespace

LayerResult naive_activation(OpKind kind, double slope, bool approximate, const LayerInputs& in) {
  LayerResult result = naive_zeros(in.dy.shape());
  for (std::int64_t i = 0; i < in.dy.numel(); ++i) {
    const auto [y, derivative] = equations(kind, slope, approximate, in.x[0].data<double>()[i]);
    result.y.data<double>()[i] = y;
    result.dx[0].data<double>()[i] = derivative * in.dy.data<double>()[i];
  }
  return result;
}

}  // namespace backlight
