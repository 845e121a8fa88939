// Reads zip archives: the central directory is the truth, members are stored or deflated.
// https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights/file_bytes.hpp"
#include "weights/limits.hpp"
#include "weights/stored_tensor.hpp"

namespace backlight::weights {

struct ZipMember {
  std::string name;
  std::span<const std::byte> stored;  ///< as it lies in the file
  std::uint64_t size = 0;             ///< once inflated
  std::uint32_t crc = 0;  ///< checked for deflated members; PyTorch may leave it out of stored ones
  bool deflated = false;
};

class ZipArchive {
 public:
  /// Throws Error(bad_input) for an archive that is truncated, damaged, or that readers could understand in
  /// different ways: members that overlap, appear twice or differ only in case, names that the local header
  /// contradicts, more entries or a higher compression ratio than the limits allow.
  ZipArchive(std::shared_ptr<const FileBytes> file, const CheckpointLimits& limits);

  const std::vector<ZipMember>& members() const { return members_; }
  /// Null when there is none.
  const ZipMember* find(std::string_view name) const;
  /// The member's bytes, in the file where they are stored. The last inflated member is kept, because tensors
  /// that share a storage are read one after the other.
  SharedBytes read(const ZipMember& member) const;

 private:
  void locate(const std::vector<std::uint64_t>& local_headers, std::uint64_t directory_offset);

  std::shared_ptr<const FileBytes> file_;
  CheckpointLimits limits_;
  std::vector<ZipMember> members_;  // by name
  mutable std::mutex mutex_;
  mutable const ZipMember* inflated_member_ = nullptr;
  mutable std::shared_ptr<const std::vector<std::byte>> inflated_;
};

}  // namespace backlight::weights
