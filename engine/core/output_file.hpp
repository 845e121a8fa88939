// Where results go: files that are there whole or not at all.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

namespace backlight {

/// A result under way. What is written becomes the file on commit(), all at once; until then, and when the
/// process dies, the path keeps what it had. A symbolic link stays and its target is written, whether or not
/// it exists. Devices, pipes and the process's own descriptors (/dev/stdout, /dev/fd/N) take the bytes as
/// they come. All calls throw Error(resources) naming the path and the system's reason.
class OutputFile {
 public:
  /// Throws Error(usage) for a terminal, which cannot show what is not text.
  explicit OutputFile(const std::filesystem::path& path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::span<const std::byte> bytes);
  /// Waits until the bytes have reached the disk, so that the file outlives a power failure, too.
  void sync();
  void commit();

 private:
  /// Where the file system can, a file without a name, which vanishes with the process however that ends.
  void open_unfinished();
  bool give_name();
  [[noreturn]] void fail() const;

  std::filesystem::path path_;    ///< as given
  std::filesystem::path target_;  ///< behind symbolic links
  std::string unfinished_;        ///< name beside the target; empty for a file that has none yet
  int descriptor_ = -1;
  bool stream_ = false;
};

/// Whether a file or folder stands where a result would go: what a program asks before it replaces something.
/// Devices and pipes are not replaced, and do not count; nor does a symbolic link to nothing.
bool is_taken(const std::filesystem::path& path);

/// Whether a result of this path is written to a device, a pipe or one of the process's descriptors.
bool is_stream(const std::filesystem::path& path);

}  // namespace backlight
