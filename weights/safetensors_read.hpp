// Reads the header of a safetensors file.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "weights/file_bytes.hpp"
#include "weights/limits.hpp"
#include "weights/stored_tensor.hpp"

namespace backlight::weights {

struct SafetensorsContents {
  std::vector<StoredTensor> tensors;  ///< in the order of their bytes
  std::map<std::string, std::string> metadata;
};

/// Throws Error(bad_input) for a header that breaks the format in any way: not JSON, keys that appear twice,
/// values of other types, offsets with holes, overlaps or beyond the file; Error(unsupported) naming dtypes
/// not read.
SafetensorsContents read_safetensors(const std::shared_ptr<const FileBytes>& file,
                                     const CheckpointLimits& limits);

}  // namespace backlight::weights
