// A whole file as read-only bytes: mapped, or already in memory.
#pragma once

#include <cstddef>
#include <filesystem>
#include <mutex>
#include <span>
#include <string>

namespace backlight::weights {

class FileBytes {
 public:
  /// Throws Error(bad_input) when it cannot be opened or is no regular file.
  explicit FileBytes(const std::filesystem::path& path);
  /// Of bytes that somebody else keeps, unchanged, as long as this lives.
  explicit FileBytes(std::span<const std::byte> bytes) : bytes_(bytes) {}
  FileBytes(const FileBytes&) = delete;
  FileBytes& operator=(const FileBytes&) = delete;
  ~FileBytes();

  std::span<const std::byte> bytes() const { return bytes_; }
  /// Gives the memory back in which `part` of bytes() was read from the disk; whoever reads it again waits for it again.
  void forget(std::span<const std::byte> part) const;
  const std::string& sha256() const;

 private:
  std::span<const std::byte> bytes_;
  bool mapped_ = false;
  mutable std::once_flag hashed_;
  mutable std::string sha256_;
};

/// Of a file that the caller names nowhere else: errors begin with the path.
FileBytes open_file(const std::filesystem::path& path);

}  // namespace backlight::weights
