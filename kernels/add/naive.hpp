#pragma once

#include "kernels/naive.hpp"

namespace backlight {

/// The equations at the top of kernels/add/add.hpp.
LayerResult naive_add(const LayerInputs& in);

}  // namespace backlight
