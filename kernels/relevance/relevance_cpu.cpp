#include "engine/runtime/device.hpp"
#include "kernels/grain.hpp"
#include "kernels/relevance/relevance.hpp"
#include "kernels/relevance/steps.hpp"

namespace backlight::cpu {
namespace {

template <class T, class Step, class... X>
void each_element(Context& context, std::int64_t count, Step step, T* y, const X*... x) {
  context.parallel_ranges(count, kGrain, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) y[i] = step(x[i]...);
  });
}

}  // namespace

template <class T>
void difference_part(Context& context, std::int64_t count, const Slopes& slopes, const T* x,
                     const T* reference, const T* dy, T* y) {
  const relevance::DifferencePart<T> step{static_cast<T>(slopes.above), static_cast<T>(slopes.below)};
  each_element(context, count, step, y, x, reference, dy);
}

template <class T>
void over_difference(Context& context, std::int64_t count, const T* x, const T* reference, const T* given,
                     const T* gradient, T* dx) {
  const relevance::OverDifference<T> step{static_cast<T>(kLeastDifference)};
  each_element(context, count, step, dx, x, reference, given, gradient);
}

template <class T>
void share(Context& context, const ShareParams& params, const T* z, const T* dy, const T* denominator, T* s) {
  const relevance::Share<T> step{static_cast<T>(params.scale), static_cast<T>(params.epsilon), params.above,
                                 params.below};
  each_element(context, params.count, step, s, z, dy, denominator);
}

template <class T>
void slopes(Context& context, std::int64_t count, const Slopes& slopes, const T* x, T* y) {
  each_element(context, count,
               relevance::Slope<T>{static_cast<T>(slopes.above), static_cast<T>(slopes.below)}, y, x);
}

template <class T>
void by_sign(Context& context, std::int64_t count, const T* x, const T* positive, const T* negative, T* y) {
  each_element(context, count, relevance::BySign<T>{}, y, x, positive, negative);
}

#define BACKLIGHT_INSTANTIATE(T)                                                                          \
  template void difference_part(Context&, std::int64_t, const Slopes&, const T*, const T*, const T*, T*); \
  template void over_difference(Context&, std::int64_t, const T*, const T*, const T*, const T*, T*);      \
  template void share(Context&, const ShareParams&, const T*, const T*, const T*, T*);                    \
  template void slopes(Context&, std::int64_t, const Slopes&, const T*, T*);                              \
  template void by_sign(Context&, std::int64_t, const T*, const T*, const T*, T*);
BACKLIGHT_INSTANTIATE(float)
BACKLIGHT_INSTANTIATE(double)
#undef BACKLIGHT_INSTANTIATE

}  // namespace backlight::cpu
