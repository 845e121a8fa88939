// A whole file as read-only, mapped bytes.
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
  FileBytes(const FileBytes&) = delete;
  FileBytes& operator=(const FileBytes&) = delete;
  ~FileBytes();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::string& sha256() const;

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  mutable std::once_flag hashed_;
  mutable std::string sha256_;
};

}  // namespace backlight::weights
