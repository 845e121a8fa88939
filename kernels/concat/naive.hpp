#pragma once

#include "kernels/naive.hpp"

namespace backlight {

/// Element by element in the order of y: image, then input, then the image's elements of that input.
LayerResult naive_concat(const LayerInputs& in);

}  // namespace backlight
