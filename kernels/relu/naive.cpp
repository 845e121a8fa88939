#include "kernels/relu/naive.hpp"

#include <algorithm>

namespace backlight {

LayerResult naive_relu(double upper, BackwardRule rule, const LayerInputs& in) {
  LayerResult result = naive_zeros(in.dy.shape());
  for (std::int64_t i = 0; i < in.dy.numel(); ++i) {
    const double y = std::min(std::max(in.x[0].data<double>()[i], 0.0), upper);
    const double dy = in.dy.data<double>()[i];
    double mask = 1;
    if (rule != BackwardRule::deconvnet) mask *= y > 0 && y < upper;
    if (rule != BackwardRule::standard) mask *= dy > 0;
    result.y.data<double>()[i] = y;
    result.dx[0].data<double>()[i] = mask * dy;
  }
  return result;
}

}  // namespace backlight
