// Rows of a table, one for each token.
//
//   forward    y[k] = w[id_k], zeros for the padding id
//   backward   dw[r] += Σ_{k: id_k = r} dy[k] in the order of k; nothing for the padding id
#pragma once

#include <cstdint>

#include "kernels/cost.hpp"

namespace backlight {

class Context;

/// w is rows×width, y is tokens×width. `padding` is −1 where no id pads.
struct EmbeddingParams {
  std::int64_t tokens = 0, rows = 0, width = 0;
  std::int64_t padding = -1;
};

namespace cpu {

/// Throws Error(bad_input) naming an id that is not in [0, rows).
template <class T>
void embedding_forward(Context& context, const EmbeddingParams& params, const std::int32_t* ids, const T* w,
                       T* y);
/// Adds to dw. The ids are those of a forward.
template <class T>
void embedding_backward(Context& context, const EmbeddingParams& params, const std::int32_t* ids, const T* dy,
                        T* dw);

}  // namespace cpu

/// As cpu:: does, bit for bit, in the context's stream, but for an id that is not in [0, rows): since a kernel throws
/// nothing, its y is NaN, and it has no gradient.
namespace cuda {

void embedding_forward(Context& context, const EmbeddingParams& params, const std::int32_t* ids,
                       const float* w, float* y);
void embedding_backward(Context& context, const EmbeddingParams& params, const std::int32_t* ids,
                        const float* dy, float* dw);

/// Where every token is another one.
constexpr Cost embedding_forward_cost(const EmbeddingParams& p) {
  return {4 * p.tokens * (2 * p.width + 1), 0};
}
constexpr Cost embedding_backward_cost(const EmbeddingParams& p) {
  return {4 * p.tokens * (3 * p.width + 1), p.tokens * p.width};
}

}  // namespace cuda
}  // namespace backlight
