#include "weights/file_bytes.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
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

const std::string& FileBytes::sha256() const {
  std::call_once(hashed_, [this] { sha256_ = sha256_hex(bytes()); });
  return sha256_;
}

}  // namespace backlight::weights
