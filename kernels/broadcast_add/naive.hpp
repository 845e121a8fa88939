#pragma once

#include "kernels/naive.hpp"

namespace backlight {

/// The equations at the top of kernels/broadcast_add/broadcast_add.hpp.
LayerResult naive_broadcast_add(const LayerInputs& in);

}  // namespace backlight
