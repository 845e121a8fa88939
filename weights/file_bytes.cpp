#include "weights/file_bytes.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "engine/core/error.hpp"
#include "weights/sha256.hpp"

namespace backlight::weights {
namespace {

struct Descriptor {
  int value;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
};

}  // namespace

FileBytes::FileBytes(const std::filesystem::path& path) {
  // Without O_NONBLOCK a named pipe would be waited for.
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  struct stat info {};
  if (file.value < 0 || ::fstat(file.value, &info) != 0) {
    throw Error(ErrorKind::bad_input, "cannot open the file: ", std::strerror(errno));
  }
  if (S_ISDIR(info.st_mode)) throw Error(ErrorKind::bad_input, "is a directory; expected a file");
  if (!S_ISREG(info.st_mode))
    throw Error(ErrorKind::bad_input, "is not a regular file; save it to disk first");
  const auto size = static_cast<std::size_t>(info.st_size);
  if (size == 0) return;
  void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.value, 0);
  if (mapped == MAP_FAILED) {
    throw Error(ErrorKind::resources, "cannot map ", size, " bytes: ", std::strerror(errno));
  }
  bytes_ = {static_cast<const std::byte*>(mapped), size};
  mapped_ = true;
}

FileBytes open_file(const std::filesystem::path& path) try {
  return FileBytes(path);
} catch (const Error& error) {
  throw Error(error.kind(), path.string(), ": ", error.what());
}

FileBytes::~FileBytes() {
  if (mapped_) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

void FileBytes::forget(std::span<const std::byte> part) const {
  if (!mapped_) return;
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto address = reinterpret_cast<std::uintptr_t>(part.data());
  const std::uintptr_t begin = address & ~(page - 1);
  ::madvise(reinterpret_cast<void*>(begin), address + part.size() - begin, MADV_DONTNEED);
}

const std::string& FileBytes::sha256() const {
  std::call_once(hashed_, [this] {
    constexpr std::size_t kPiece = std::size_t{4} << 20;
    Sha256 hash;
    for (std::size_t at = 0; at < bytes_.size(); at += kPiece) {
      const auto piece = bytes_.subspan(at, std::min(kPiece, bytes_.size() - at));
      hash.update(piece);
      forget(piece);
    }
    sha256_ = hash.hex();
  });
  return sha256_;
}

}  // namespace backlight::weights
