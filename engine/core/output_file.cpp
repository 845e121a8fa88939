#include "engine/core/output_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <utility>

#include "engine/core/error.hpp"

namespace backlight {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOwnDescriptors = "/proc/self/fd";

/// The N of /dev/fd/N, behind all names that it has. Opened anew, a redirected file would be written from its
/// beginning, or replaced.
std::optional<int> own_descriptor(const fs::path& path) {
  std::error_code none;
  if (!fs::equivalent(path.parent_path(), kOwnDescriptors, none)) return std::nullopt;
  const std::string name = path.filename().string();
  int number = -1;
  const auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc{} || stop != name.data() + name.size()) return std::nullopt;
  return number;
}

/// The path behind symbolic links, which need not exist.
fs::path behind_links(fs::path path) {
  constexpr int kMostLinks = 40;  // as the system's own limit
  for (int i = 0; i < kMostLinks && !own_descriptor(path); ++i) {
    std::error_code no_link;
    const fs::path target = fs::read_symlink(path, no_link);
    if (no_link) break;
    path = path.parent_path() / target;
  }
  return path;
}

std::optional<struct stat> status_of(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return status;
}

/// A name beside the target that listings of pictures pass over.
std::string name_beside(const fs::path& target, int attempt) {
  return (target.parent_path() / text(".backlight-", ::getpid(), "-", attempt, ".partial")).string();
}

constexpr int kAttempts = 1000;

}  // namespace

OutputFile::OutputFile(const fs::path& path) : path_(path), target_(behind_links(path)) {
  const auto number = own_descriptor(target_);
  const auto status = status_of(path);
  if (number) {
    stream_ = true;
    descriptor_ = ::fcntl(*number, F_DUPFD_CLOEXEC, 0);
  } else if (status && S_ISDIR(status->st_mode)) {
    errno = EISDIR;
  } else if (status && !S_ISREG(status->st_mode)) {
    stream_ = true;
    descriptor_ = ::open(target_.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
  } else if (status || errno == ENOENT) {  // otherwise there is no way to the file, and errno says why
    open_unfinished();
  }
  if (descriptor_ < 0) fail();
  if (stream_ && ::isatty(descriptor_) != 0) {
    ::close(descriptor_);
    throw Error(ErrorKind::usage, path_.string(),
                ": is a terminal, which cannot show what would be written; name a file, or redirect it");
  }
  if (!stream_ && status) ::fchmod(descriptor_, status->st_mode & 07777);
}

OutputFile::~OutputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!unfinished_.empty()) ::unlink(unfinished_.c_str());
}

void OutputFile::open_unfinished() {
  const fs::path folder = target_.has_parent_path() ? target_.parent_path() : fs::path(".");
  if (::access(kOwnDescriptors, X_OK) == 0)
    descriptor_ = ::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
  for (int i = 0; i < kAttempts && descriptor_ < 0; ++i) {
    const std::string name = name_beside(target_, i);
    descriptor_ = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ >= 0)
      unfinished_ = name;
    else if (errno != EEXIST)
      break;
  }
}

void OutputFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail();
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

bool OutputFile::give_name() {
  const std::string self = text(kOwnDescriptors, "/", descriptor_);
  for (int i = 0; i < kAttempts; ++i) {
    const std::string name = name_beside(target_, i);
    if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0) {
      unfinished_ = name;
      return true;
    }
    if (errno != EEXIST) break;
  }
  return false;
}

void OutputFile::sync() {
  if (!stream_ && ::fsync(descriptor_) != 0) fail();
}

void OutputFile::commit() {
  if (!stream_ && unfinished_.empty() && !give_name()) fail();
  // A full disk may be reported only on closing.
  if (::close(std::exchange(descriptor_, -1)) != 0) fail();
  if (stream_) return;
  if (::rename(unfinished_.c_str(), target_.c_str()) != 0) fail();
  unfinished_.clear();
}

void OutputFile::fail() const {
  throw Error(ErrorKind::resources, path_.string(), ": cannot be written (", std::strerror(errno), ")");
}

bool is_stream(const fs::path& path) {
  const fs::path target = behind_links(path);
  const auto status = status_of(target);
  return own_descriptor(target) || (status && !S_ISREG(status->st_mode) && !S_ISDIR(status->st_mode));
}

bool is_taken(const fs::path& path) { return status_of(path) && !is_stream(path); }

}  // namespace backlight
