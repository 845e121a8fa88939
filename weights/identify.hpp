// What a file is, told from its first bytes.
#pragma once

#include <span>

#include "weights/checkpoint.hpp"

namespace backlight::weights {

/// The container of a readable file. Throws Error for every other file: unsupported where it is recognised
/// (gzip, HTML, Git LFS, HDF5, ONNX, a plain pickle …), bad_input where it is not; the message says what the
/// file is, what was expected and what makes a usable file.
Container identify(std::span<const std::byte> file, const CheckpointLimits& limits);

}  // namespace backlight::weights
