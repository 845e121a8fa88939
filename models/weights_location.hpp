// Where weights are found when no path is given.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

namespace backlight {

/// ${XDG_CACHE_HOME:-~/.cache}/backlight, where tools/fetch_weights puts published weights. Empty when the
/// environment names neither a cache nor a home.
std::filesystem::path weights_cache();

/// The network's file in the cache, e.g. efficientnet_lite0.pth; nothing when it was never fetched.
std::optional<std::filesystem::path> cached_weights(std::string_view model);

/// The file that came with backlight, e.g. backlight_scenes.safetensors; nothing for a network without one.
/// It is looked for where the running program is installed (../share/backlight), in the source tree that
/// backlight was built from, and where it was to be installed.
std::optional<std::filesystem::path> shipped_weights(std::string_view model);

}  // namespace backlight
