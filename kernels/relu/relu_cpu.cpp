#include "engine/runtime/device.hpp"
#include "kernels/grain.hpp"
#include "kernels/relu/relu.hpp"

namespace backlight::cpu {

template <class T>
void relu_forward(Context& context, const ReluParams& params, const T* x, T* y) {
  const T upper = static_cast<T>(params.upper);
  context.parallel_ranges(params.count, kGrain, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const T positive = x[i] < T{0} ? T{0} : x[i];
      y[i] = positive > upper ? upper : positive;
    }
  });
}

template <class T>
void relu_backward(Context& context, const ReluParams& params, BackwardRule rule, const T* y, const T* dy,
                   T* dx) {
  const T upper = static_cast<T>(params.upper);
  const auto each = [&](auto passes) {
    context.parallel_ranges(params.count, kGrain, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) dx[i] = passes(y[i], dy[i]) ? dy[i] : T{0};
    });
  };
  switch (rule) {
    case BackwardRule::deconvnet:
      return each([](T, T dyi) { return dyi > T{0}; });
    case BackwardRule::guided:
      return each([=](T yi, T dyi) { return (yi > T{0}) & (yi < upper) & (dyi > T{0}); });
    default:
      return each([=](T yi, T) { return (yi > T{0}) & (yi < upper); });
  }
}

template void relu_forward(Context&, const ReluParams&, const float*, float*);
template void relu_forward(Context&, const ReluParams&, const double*, double*);
template void relu_backward(Context&, const ReluParams&, BackwardRule, const float*, const float*, float*);
template void relu_backward(Context&, const ReluParams&, BackwardRule, const double*, const double*, double*);

}  // namespace backlight::cpu
