// Finds the regular members of a tar archive (ustar), as the first versions of torch.save wrote it.
#pragma once

#include <map>
#include <span>
#include <string>

namespace backlight::weights {

/// Whether the first 512 bytes are a tar header with a right checksum.
bool is_tar(std::span<const std::byte> file);

/// Throws Error(bad_input) for a damaged archive, and for a member that appears twice.
std::map<std::string, std::span<const std::byte>> read_tar(std::span<const std::byte> file);

}  // namespace backlight::weights
