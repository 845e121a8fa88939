#include "kernels/multiply/multiply.hpp"

#include <algorithm>

namespace backlight {

MultiplyParams::MultiplyParams(const Shape& a, const Shape& b) {
  std::int64_t y_step = 1, a_step = 1, b_step = 1;
  for (int i = a.rank() - 1; i >= 0; --i) {
    const std::int64_t extent = a[i] == 1 ? b[i] : a[i];
    if (extent == 1) continue;
    const Axis axis{extent, y_step, a[i] == 1 ? 0 : a_step, b[i] == 1 ? 0 : b_step};
    y_step *= extent;
    a_step *= a[i];
    b_step *= b[i];
    const auto r = static_cast<std::size_t>(rank);
    if (rank > 0 && (axes[r - 1].a == 0) == (axis.a == 0) && (axes[r - 1].b == 0) == (axis.b == 0)) {
      axes[r - 1].extent *= extent;
    } else {
      axes[r] = axis;
      ++rank;
    }
  }
  std::reverse(axes.begin(), axes.begin() + rank);
}

MultiplyParams MultiplyParams::where(bool (*so)(const Axis&)) const {
  MultiplyParams part;
  part.rank = static_cast<int>(std::copy_if(axes.begin(), axes.begin() + rank, part.axes.begin(), so) -
                               part.axes.begin());
  return part;
}

std::int64_t MultiplyParams::count() const {
  std::int64_t product = 1;
  for (int i = 0; i < rank; ++i) product *= axes[static_cast<std::size_t>(i)].extent;
  return product;
}

}  // namespace backlight
