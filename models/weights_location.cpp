#include "models/weights_location.hpp"

#include <cstdlib>
#include <string>

namespace backlight {
namespace {

std::filesystem::path environment_path(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

std::filesystem::path weights_cache() {
  if (const auto cache = environment_path("XDG_CACHE_HOME"); cache.is_absolute()) return cache / "backlight";
  const auto home = environment_path("HOME");
  return home.empty() ? home : home / ".cache" / "backlight";
}

std::optional<std::filesystem::path> cached_weights(std::string_view model) {
  const std::filesystem::path file = weights_cache() / (std::string(model) + ".pth");
  std::error_code ignored;
  if (weights_cache().empty() || !std::filesystem::is_regular_file(file, ignored)) return std::nullopt;
  return file;
}

std::optional<std::filesystem::path> shipped_weights(std::string_view model) {
  std::error_code ignored;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", ignored);
  const std::string file = std::string(model) + ".safetensors";
  for (const std::filesystem::path& folder :
       {program.parent_path() / BACKLIGHT_DATA_FROM_PROGRAM, std::filesystem::path(BACKLIGHT_SOURCE_WEIGHTS),
        std::filesystem::path(BACKLIGHT_INSTALLED_DATA)})
    if (std::filesystem::is_regular_file(folder / file, ignored)) return (folder / file).lexically_normal();
  return std::nullopt;
}

}  // namespace backlight
