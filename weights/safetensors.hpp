// Writes safetensors: uint64 header length, a JSON header padded with spaces to 8 bytes, then the tensors in
// order. https://github.com/huggingface/safetensors
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <variant>

#include "engine/core/tensor.hpp"
#include "weights/stored_tensor.hpp"

namespace backlight {

/// A tensor to write: one in memory (float32), or one of an opened checkpoint, which is read only when its
/// turn comes, so that a conversion holds one tensor at a time.
struct TensorToWrite {
  std::string name;
  std::variant<const Tensor*, const StoredTensor*> source;
};

struct SafetensorsOptions {
  /// f32, f16 or bf16, rounded to nearest even, for floating-point tensors; integers and bools stay as they
  /// are.
  StoredType dtype = StoredType::f32;
  bool overwrite = false;
};

/// Atomic, by OutputFile: `path` is never half written; devices and pipes are written to.
/// Throws Error(usage) when `path` exists and may not be overwritten, a name appears twice, or the dtype is
/// no target; bad_input naming the tensor when a finite value is too large for float16; resources when
/// writing fails.
void write_safetensors(const std::filesystem::path& path, std::span<const TensorToWrite> tensors,
                       const std::map<std::string, std::string>& metadata = {},
                       const SafetensorsOptions& options = {});

}  // namespace backlight
