#include "tools/backlight/inputs.hpp"

#include <sys/stat.h>

#include <optional>

#include "engine/core/error.hpp"

namespace backlight::tools {
namespace {

namespace fs = std::filesystem;

std::optional<std::pair<dev_t, ino_t>> identity_of(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return std::pair(status.st_dev, status.st_ino);
}

}  // namespace

void Inputs::add(const fs::path& file) {
  if (const auto identity = identity_of(file == "-" ? "/dev/stdin" : file))
    files_.emplace(*identity, file.string());
}

void Inputs::keep_from(const fs::path& result) const {
  const auto identity = identity_of(result);
  const auto input = identity ? files_.find(*identity) : files_.end();
  if (input == files_.end()) return;
  const std::string also =
      input->second == result ? "is an input" : "is the same file as the input " + input->second;
  throw Error(ErrorKind::usage, result.string(), ": ", also,
              " of this run, which is never written to, not even with --force; give results another place");
}

}  // namespace backlight::tools
