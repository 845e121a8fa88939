// Families of networks that are known by their keys but not built here, so that an error can say what a file
// is.
#pragma once

#include <span>
#include <string>

#include "weights/stored_tensor.hpp"

namespace backlight {

/// `a MobileNetV3 (timm's keys)`; empty where the keys are of no family known here. Prefixes do not matter.
/// Knows the keys of torchvision, timm, Hugging Face's transformers and of some much used repositories. Meant
/// for files that recognise() does not know: networks that are built here are not told apart from relatives.
std::string unbuilt_family(std::span<const StoredTensor> tensors);

}  // namespace backlight
