// Predicted limit: memory; the costs in relevance.hpp over the card's bandwidth are the least times. One pass each.
#include "kernels/elementwise.cuh"
#include "kernels/relevance/relevance.hpp"
#include "kernels/relevance/steps.hpp"

namespace backlight::cuda {

void difference_part(Context& context, std::int64_t count, const Slopes& slopes, const float* x,
                     const float* reference, const float* dy, float* y) {
  const relevance::DifferencePart<float> step{static_cast<float>(slopes.above), static_cast<float>(slopes.below)};
  elementwise(context, count, step, y, x, reference, dy);
}

void over_difference(Context& context, std::int64_t count, const float* x, const float* reference,
                     const float* given, const float* gradient, float* dx) {
  const relevance::OverDifference<float> step{static_cast<float>(kLeastDifference)};
  elementwise(context, count, step, dx, x, reference, given, gradient);
}

void share(Context& context, const ShareParams& params, const float* z, const float* dy, const float* denominator,
           float* s) {
  const relevance::Share<float> step{static_cast<float>(params.scale), static_cast<float>(params.epsilon),
                                     params.above, params.below};
  elementwise(context, params.count, step, s, z, dy, denominator);
}

void slopes(Context& context, std::int64_t count, const Slopes& slopes, const float* x, float* y) {
  const relevance::Slope<float> step{static_cast<float>(slopes.above), static_cast<float>(slopes.below)};
  elementwise(context, count, step, y, x);
}

void by_sign(Context& context, std::int64_t count, const float* x, const float* positive, const float* negative,
             float* y) {
  elementwise(context, count, relevance::BySign<float>{}, y, x, positive, negative);
}

}  // namespace backlight::cuda
