#include "engine/runtime/device.hpp"
#include "kernels/activation/activation.hpp"
#include "kernels/grain.hpp"

namespace backlight::cpu {

template <class T>
void activation_forward(Context& context, std::int64_t count, const Activation& activation, const T* x,
                        T* y) {
  std::visit(
      [&](const auto& f) {
        context.parallel_ranges(count, kExponentialGrain, [=](std::int64_t begin, std::int64_t end) {
          for (std::int64_t i = begin; i < end; ++i) y[i] = f.value(x[i]);
        });
      },
      activation);
}

template <class T>
void activation_backward(Context& context, std::int64_t count, const Activation& activation, const T* saved,
                         const T* dy, T* dx) {
  std::visit(
      [&](const auto& f) {
        context.parallel_ranges(count, kExponentialGrain, [=](std::int64_t begin, std::int64_t end) {
          for (std::int64_t i = begin; i < end; ++i) dx[i] = dy[i] * f.derivative(saved[i]);
        });
      },
      activation);
}

template void activation_forward(Context&, std::int64_t, const Activation&, const float*, float*);
template void activation_forward(Context&, std::int64_t, const Activation&, const double*, double*);
template void activation_backward(Context&, std::int64_t, const Activation&, const float*, const float*,
                                  float*);
template void activation_backward(Context&, std::int64_t, const Activation&, const double*, const double*,
                                  double*);

}  // namespace backlight::cpu
