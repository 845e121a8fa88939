#pragma once

#include "kernels/naive.hpp"

namespace backlight {

/// The equations at the top of kernels/strided_identity_pad/strided_identity_pad.hpp.
LayerResult naive_strided_identity_pad(std::int64_t stride, const LayerInputs& in);

}  // namespace backlight
