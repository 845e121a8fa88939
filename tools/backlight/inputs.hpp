// What a run reads, so that it never writes there.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <utility>

namespace backlight::tools {

/// The files that a run reads, known by what they are: other names, hard links, symbolic links and letters'
/// case change nothing.
class Inputs {
 public:
  /// "-" is what stands behind standard input. What is no file, or not there, needs no protection.
  void add(const std::filesystem::path& file);

  /// Throws Error(usage) when a result of this path would be written onto one of the inputs.
  void keep_from(const std::filesystem::path& result) const;

 private:
  std::map<std::pair<dev_t, ino_t>, std::string> files_;
};

}  // namespace backlight::tools
