#include <algorithm>

#include "kernels/target/target.hpp"

namespace backlight::cpu {

template <class T>
void argmax(Context&, const TargetParams& p, const T* x, std::int64_t* index) {
  for (std::int64_t n = 0; n < p.rows; ++n) {
    const T* row = x + n * p.classes;
    index[n] = std::max_element(row, row + p.classes) - row;
  }
}

template <class T>
void one_hot(Context&, const TargetParams& p, const std::int64_t* index, double value, T* dy) {
  std::fill_n(dy, p.rows * p.classes, T{0});
  for (std::int64_t n = 0; n < p.rows; ++n)
    if (index[n] >= 0 && index[n] < p.classes) dy[n * p.classes + index[n]] = static_cast<T>(value);
}

template void argmax(Context&, const TargetParams&, const float*, std::int64_t*);
template void argmax(Context&, const TargetParams&, const double*, std::int64_t*);
template void one_hot(Context&, const TargetParams&, const std::int64_t*, double, float*);
template void one_hot(Context&, const TargetParams&, const std::int64_t*, double, double*);

}  // namespace backlight::cpu
