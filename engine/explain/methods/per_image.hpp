// From the answers about a batch to a result per image.
#pragma once

#include <vector>

#include "engine/explain/methods.hpp"

namespace backlight {

/// Image n of a batch, without the batch's extent.
Tensor image_of(const Tensor& batch, std::size_t n);

/// A result per image of maps, gradients or both; the other may be null.
std::vector<Result> per_image(const ClassMap* maps, const Tensor* gradients);

}  // namespace backlight
