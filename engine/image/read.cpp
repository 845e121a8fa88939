#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "engine/image/container.hpp"

namespace backlight {
namespace {

[[noreturn]] void cannot(std::string_view what, std::string_view name) {
  throw Error(ErrorKind::bad_input, name, ": cannot be ", what, " (", std::strerror(errno), ")");
}

[[noreturn]] void too_large(std::string_view name) {
  throw Error(ErrorKind::bad_input, name, ": holds more than ", kMaxImageFileBytes,
              " bytes, the most that is read of a picture");
}

/// Waits until a pipe has data or its writers are gone; false in the latter case. It may have been opened
/// before there was a writer, who is not waited for long.
bool wait_for_data(int descriptor, bool has_writer, std::string_view name) {
  constexpr int kPatience = 2000;  // milliseconds
  pollfd wait{descriptor, POLLIN, 0};
  int ready = 0;
  do ready = poll(&wait, 1, has_writer ? -1 : kPatience);
  while (ready < 0 && errno == EINTR);
  if (ready == 0) throw Error(ErrorKind::bad_input, name, ": is a pipe that nobody writes into");
  return (wait.revents & POLLIN) != 0;
}

std::vector<std::uint8_t> read_all(int descriptor, std::string_view name) {
  struct stat status;
  if (fstat(descriptor, &status) != 0) cannot("read", name);
  if (S_ISDIR(status.st_mode))
    throw Error(ErrorKind::bad_input, name, ": is a directory, expected a picture file");
  if (isatty(descriptor))
    throw Error(ErrorKind::bad_input, name, ": is a terminal, expected a picture file or a pipe");
  const bool file = S_ISREG(status.st_mode);
  if (file && status.st_size > kMaxImageFileBytes) too_large(name);
  std::vector<std::uint8_t> bytes;
  if (file) bytes.reserve(static_cast<std::size_t>(status.st_size));
  std::vector<std::uint8_t> block(std::size_t{1} << 16);
  bool known = file;
  for (;;) {
    const ssize_t got = ::read(descriptor, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    const bool nothing_yet = got < 0 && errno == EAGAIN;
    if (nothing_yet || (got == 0 && bytes.empty() && S_ISFIFO(status.st_mode))) {
      if (wait_for_data(descriptor, nothing_yet, name)) continue;
      return bytes;
    }
    if (got < 0) cannot("read", name);
    if (got == 0) return bytes;
    bytes.insert(bytes.end(), block.begin(), block.begin() + got);
    // What is no picture is refused by its first bytes, so that an endless device costs nothing.
    if (!known && bytes.size() >= kLongestSignature) {
      require_known_format(bytes, name);
      known = true;
    }
    if (static_cast<std::int64_t>(bytes.size()) > kMaxImageFileBytes) too_large(name);
  }
}

}  // namespace

Image read_image(int descriptor, std::string_view name, ExifOrientation orientation, Alpha alpha) {
  return decode_image(read_all(descriptor, name), name, orientation, alpha);
}

Image read_image(const std::string& path, ExifOrientation orientation, Alpha alpha) {
  struct Descriptor {
    int number;
    ~Descriptor() {
      if (number >= 0) close(number);
    }
  };
  // Opening a pipe must not wait for a writer, who may never come.
  const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  if (file.number < 0 && errno == ENXIO)
    throw Error(ErrorKind::bad_input, path, ": is a socket or has no device, expected a picture file");
  if (file.number < 0) cannot("opened", path);
  return read_image(file.number, path, orientation, alpha);
}

}  // namespace backlight
