// Results computed by PyTorch, committed under tests/golden: see the README there.
#pragma once

#include <string>
#include <string_view>

#include "engine/core/tensor.hpp"

namespace backlight::test {

/// Tensor `name` of tests/golden/<stem>.safetensors, e.g. golden("layers", "max_pool2d.case3.y"). Throws
/// Error(bad_input) naming the file, the tensor and the generator to run.
Tensor golden(std::string_view stem, const std::string& name);

}  // namespace backlight::test
