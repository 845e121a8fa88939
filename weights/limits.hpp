// What a checkpoint may ask of the reader. The defaults leave room for every network of a few billion
// parameters.
#pragma once

#include <cstddef>

namespace backlight {

struct CheckpointLimits {
  std::size_t zip_entries = 10'000;
  /// Uncompressed over compressed size of a zip member, and bytes of all tensors over bytes of the file: both
  /// bound what a small file can unfold into.
  std::size_t unfold_ratio = 100;
  std::size_t pickle_bytes = std::size_t{256} << 20;
  std::size_t pickle_nodes = 1'000'000;
  /// Children of all nodes together, stack and memo included.
  std::size_t pickle_items = 8'000'000;
  std::size_t pickle_depth = 256;
  std::size_t safetensors_header = 100'000'000;
};

}  // namespace backlight
