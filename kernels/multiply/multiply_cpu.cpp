#include <algorithm>

#include "engine/runtime/device.hpp"
#include "kernels/grain.hpp"
#include "kernels/multiply/multiply.hpp"

namespace backlight::cpu {
namespace {

/// Where an element lies in y and the factors.
struct Place {
  std::int64_t y = 0, a = 0, b = 0;
};

/// The loops of `params` as lines along the innermost axis.
class Lines {
 public:
  explicit Lines(const MultiplyParams& params) : params_(params), count_(params.count()) {
    if (params.rank > 0) along_ = params.axes[static_cast<std::size_t>(params.rank) - 1];
    if (count_ > 0) count_ /= along_.extent;
  }

  std::int64_t count() const { return count_; }
  const MultiplyParams::Axis& along() const { return along_; }
  Place begin(std::int64_t line) const {
    Place place;
    for (int i = params_.rank - 2; i >= 0; --i) {
      const MultiplyParams::Axis& axis = params_.axes[static_cast<std::size_t>(i)];
      const std::int64_t k = line % axis.extent;
      line /= axis.extent;
      place.y += k * axis.y;
      place.a += k * axis.a;
      place.b += k * axis.b;
    }
    return place;
  }

 private:
  const MultiplyParams& params_;
  MultiplyParams::Axis along_;
  std::int64_t count_;
};

template <class T>
void scale_line(std::int64_t count, T factor, const T* x, T* y) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = factor * x[i];
}

}  // namespace

template <class T>
void multiply_forward(Context& context, const MultiplyParams& params, const T* a, const T* b, T* y) {
  const Lines lines(params);
  const MultiplyParams::Axis along = lines.along();
  context.parallel_ranges(params.count(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    while (begin < end) {
      const std::int64_t within = begin % along.extent, count = std::min(along.extent - within, end - begin);
      const Place place = lines.begin(begin / along.extent);
      const T *as = a + place.a + within * along.a, *bs = b + place.b + within * along.b;
      T* ys = y + begin;
      if (along.a == 0)
        scale_line(count, *as, bs, ys);
      else if (along.b == 0)
        scale_line(count, *bs, as, ys);
      else
        for (std::int64_t i = 0; i < count; ++i) ys[i] = as[i] * bs[i];
      begin += count;
    }
  });
}

template <class T>
void multiply_backward(Context& context, const MultiplyParams& params, const T* b, const T* dy, T* da) {
  const MultiplyParams of_a = params.of_a(), repeating = params.repeating_a();
  if (repeating.rank == 0) return multiply_forward(context, params, dy, b, da);
  const Lines elements(of_a), terms(repeating);
  const MultiplyParams::Axis element = elements.along(), term = terms.along();
  const std::int64_t grain = kGrain / std::max<std::int64_t>(1, repeating.count());
  context.parallel_ranges(
      of_a.count(), std::max<std::int64_t>(1, grain), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t j = begin; j < end; ++j) {
          const Place at = elements.begin(j / element.extent);
          const std::int64_t within = j % element.extent;
          double sum = 0;
          for (std::int64_t line = 0; line < terms.count(); ++line) {
            const Place from = terms.begin(line);
            const T *dys = dy + at.y + within * element.y + from.y,
                    *bs = b + at.b + within * element.b + from.b;
            for (std::int64_t i = 0; i < term.extent; ++i)
              sum += static_cast<double>(dys[i * term.y]) * static_cast<double>(bs[i * term.b]);
          }
          da[j] = static_cast<T>(sum);
        }
      });
}

template void multiply_forward(Context&, const MultiplyParams&, const float*, const float*, float*);
template void multiply_forward(Context&, const MultiplyParams&, const double*, const double*, double*);
template void multiply_backward(Context&, const MultiplyParams&, const float*, const float*, float*);
template void multiply_backward(Context&, const MultiplyParams&, const double*, const double*, double*);

}  // namespace backlight::cpu
