#include "kernels/coordinates/coordinates.hpp"

namespace backlight::cpu {

template <class T>
void coordinates(Context&, const CoordinatesParams& p, T* y) {
  const std::int64_t plane = p.height * p.width;
  for (std::int64_t n = 0; n < p.batch; ++n) {
    T* const across = y + (n * (p.channels + 2) + p.channels) * plane;
    for (std::int64_t k = 0; k < plane; ++k) {
      across[k] = coordinate<T>(k % p.width, p.width);
      across[plane + k] = coordinate<T>(k / p.width, p.height);
    }
  }
}

template void coordinates(Context&, const CoordinatesParams&, float*);
template void coordinates(Context&, const CoordinatesParams&, double*);

}  // namespace backlight::cpu
