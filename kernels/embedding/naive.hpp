#pragma once

#include "kernels/naive.hpp"

namespace backlight {

/// The equations at the top of kernels/embedding/embedding.hpp; `padding` is −1 for none.
LayerResult naive_embedding(std::int64_t padding, const LayerInputs& in);

}  // namespace backlight
