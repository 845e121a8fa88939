// Which names of tensors are taken from files.
#pragma once

#include <string_view>

namespace backlight::weights {

/// Throws Error(bad_input) unless `name` is 1 to 1024 bytes of UTF-8 without control characters, so that it
/// can be shown on a terminal and written to JSON.
void check_tensor_name(std::string_view name);

}  // namespace backlight::weights
