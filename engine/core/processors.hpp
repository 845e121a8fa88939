// How many processors this process may use.
#pragma once

#include <filesystem>
#include <optional>

namespace backlight {

/// Those that the affinity mask of the calling thread has, as `taskset` and batch systems set it, or fewer
/// where a control group grants less time, rounded up, as containers do. At least 1. `root` stands for `/`.
int usable_processors(const std::filesystem::path& root = "/");

/// The processor time that the control groups of this process grant it, in processors: the least of `cpu.max`
/// (version 2) and `cpu.cfs_quota_us` over `cpu.cfs_period_us` (version 1) of its group and of all above.
/// Empty where none limits it, and where /proc does not tell.
std::optional<double> control_group_quota(const std::filesystem::path& root = "/");

}  // namespace backlight
