#include "engine/explain/methods/per_image.hpp"

#include <cstring>

namespace backlight {

Tensor image_of(const Tensor& batch, std::size_t n) {
  Tensor image(Shape(batch.shape().extents().subspan(1)), batch.dtype());
  dispatch_dtype(batch.dtype(), [&]<class T>() {
    std::memcpy(image.data<T>(), batch.data<T>() + n * static_cast<std::size_t>(image.numel()),
                image.bytes());
  });
  return image;
}

std::vector<Result> per_image(const ClassMap* maps, const Tensor* gradients) {
  std::vector<Result> results(static_cast<std::size_t>((maps ? maps->map : *gradients).shape()[0]));
  for (std::size_t n = 0; n < results.size(); ++n) {
    if (maps) results[n].map = ClassMap{image_of(maps->alpha, n), image_of(maps->map, n)};
    if (gradients) results[n].gradient = image_of(*gradients, n);
  }
  return results;
}

}  // namespace backlight
