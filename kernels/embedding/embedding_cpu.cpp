#include <algorithm>

#include "engine/core/error.hpp"
#include "engine/runtime/device.hpp"
#include "kernels/embedding/embedding.hpp"
#include "kernels/grain.hpp"

namespace backlight::cpu {

template <class T>
void embedding_forward(Context& context, const EmbeddingParams& p, const std::int32_t* ids, const T* w,
                       T* y) {
  for (std::int64_t k = 0; k < p.tokens; ++k)
    if (ids[k] < 0 || ids[k] >= p.rows)
      throw Error(ErrorKind::bad_input, "[embedding] token ", k, " has the id ", ids[k], ", but weight ",
                  Shape{p.rows, p.width}, " has the ids 0 to ", p.rows - 1);
  const std::int64_t grain = std::max<std::int64_t>(1, kCopyGrain / p.width);
  context.parallel_ranges(p.tokens, grain, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t k = begin; k < end; ++k)
      if (ids[k] == p.padding)
        std::fill_n(y + k * p.width, p.width, T{0});
      else
        std::copy_n(w + ids[k] * p.width, p.width, y + k * p.width);
  });
}

template <class T>
void embedding_backward(Context& context, const EmbeddingParams& p, const std::int32_t* ids, const T* dy,
                        T* dw) {
  const std::int64_t grain = std::max<std::int64_t>(16, kGrain / std::max<std::int64_t>(1, p.tokens));
  context.parallel_ranges(p.width, grain, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t k = 0; k < p.tokens; ++k) {
      if (ids[k] == p.padding) continue;
      for (std::int64_t i = begin; i < end; ++i) dw[ids[k] * p.width + i] += dy[k * p.width + i];
    }
  });
}

#define BACKLIGHT_INSTANTIATE(T)                                                                        \
  template void embedding_forward(Context&, const EmbeddingParams&, const std::int32_t*, const T*, T*); \
  template void embedding_backward(Context&, const EmbeddingParams&, const std::int32_t*, const T*, T*);
BACKLIGHT_INSTANTIATE(float)
BACKLIGHT_INSTANTIATE(double)
#undef BACKLIGHT_INSTANTIATE

}  // namespace backlight::cpu
