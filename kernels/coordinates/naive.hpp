#pragma once

#include "kernels/naive.hpp"

namespace backlight {

/// The equations at the top of kernels/coordinates/coordinates.hpp.
LayerResult naive_coordinates(const LayerInputs& in);

}  // namespace backlight
