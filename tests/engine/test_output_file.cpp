#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "engine/core/output_file.hpp"
#include "support/skip.hpp"
#include "support/temporary_folder.hpp"

using namespace backlight;
using namespace backlight::test;
namespace fs = std::filesystem;

namespace {

void write(const fs::path& path, std::string_view content) {
  OutputFile file(path);
  file.write(std::as_bytes(std::span(content)));
  file.commit();
}

std::string content(const fs::path& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

std::string error_of(const fs::path& path) {
  try {
    OutputFile file(path);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::resources);
    return error.what();
  }
  return "opened";
}

/// For the calling thread every file system is one without O_TMPFILE from here on. False where the system does
/// not allow that.
bool give_up_unnamed_files() {
  constexpr std::uint32_t kUnnamed = O_TMPFILE & ~O_DIRECTORY;
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args) + 2 * sizeof(std::uint64_t)),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, kUnnamed, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{std::size(filter), filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

std::ptrdiff_t entries(const fs::path& folder) { return std::distance(fs::directory_iterator(folder), {}); }

}  // namespace

TEST_CASE("output file: nothing is seen of it before it is whole") {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "result";
  write(path, "old");
  {
    OutputFile file(path);
    file.write(std::as_bytes(std::span("half", 4)));
    CHECK(content(path) == "old");
  }
  CHECK(content(path) == "old");
  CHECK(entries(folder.path()) == 1);
  write(path, "new");
  CHECK(content(path) == "new");
  CHECK(entries(folder.path()) == 1);
}

TEST_CASE("output file: without unnamed files it has a name beside the target until it is whole") {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "result";
  bool allowed = false;
  std::thread([&] {
    allowed = give_up_unnamed_files();
    if (!allowed) return;
    write(path, "old");
    {
      OutputFile file(path);
      file.write(std::as_bytes(std::span("half", 4)));
      CHECK(content(path) == "old");
      CHECK(entries(folder.path()) == 2);
      write(path, "new");  // its name is not that of the first
    }
    CHECK(content(path) == "new");
    CHECK(entries(folder.path()) == 1);
  }).join();
  if (!allowed) skip("this system does not let a thread give up system calls");
}

TEST_CASE("output file: another name of a file that is replaced keeps what it had") {
  const TemporaryFolder folder;
  write(folder.path() / "one", "old");
  fs::create_hard_link(folder.path() / "one", folder.path() / "two");
  write(folder.path() / "one", "new");
  CHECK(content(folder.path() / "two") == "old");
}

TEST_CASE("output file: a replaced file keeps who may read it") {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "private";
  write(path, "old");
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
  write(path, "new");
  CHECK(fs::status(path).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
}

TEST_CASE("output file: a symbolic link stays and its target is written") {
  const TemporaryFolder folder;
  fs::create_directory(folder.path() / "store");
  write(folder.path() / "store/there", "old");
  fs::create_symlink("store/there", folder.path() / "link");
  fs::create_symlink("link", folder.path() / "link-to-link");
  fs::create_symlink("store/not-yet", folder.path() / "dangling");
  write(folder.path() / "link-to-link", "new");
  write(folder.path() / "dangling", "made");
  CHECK(fs::is_symlink(folder.path() / "link"));
  CHECK(fs::is_symlink(folder.path() / "link-to-link"));
  CHECK(content(folder.path() / "store/there") == "new");
  CHECK(content(folder.path() / "store/not-yet") == "made");

  CHECK(is_taken(folder.path() / "link"));
  fs::create_symlink("nothing", folder.path() / "to-nothing");
  CHECK_FALSE(is_taken(folder.path() / "to-nothing"));
  fs::create_symlink("round", folder.path() / "about");
  fs::create_symlink("about", folder.path() / "round");
  CHECK_THROWS_WITH_AS(write(folder.path() / "round", "x"), doctest::Contains("round"), Error);
  CHECK(fs::is_symlink(folder.path() / "round"));
}

TEST_CASE("output file: a path that cannot be followed is told before anything is written") {
  const TemporaryFolder folder;
  CHECK(error_of(folder.path() / std::string(300, 'n')).ends_with("cannot be written (File name too long)"));
  write(folder.path() / "file", "x");
  CHECK(error_of(folder.path() / "file" / "below").ends_with("cannot be written (Not a directory)"));
  fs::permissions(folder.path(), fs::perms::none);
  std::thread([&] {
    setfsuid(65534);  // the administrator's, too, is then a thread for which folders can be locked
    CHECK(error_of(folder.path() / "locked").ends_with("cannot be written (Permission denied)"));
    CHECK(error_of(folder.path() / "file").ends_with("cannot be written (Permission denied)"));
  }).join();
  fs::permissions(folder.path(), fs::perms::owner_all);
}

TEST_CASE("output file: devices and pipes take the bytes and stay what they are") {
  const TemporaryFolder folder;
  for (const char* device : {"/dev/null", "/dev/stdout"}) CHECK_FALSE(is_taken(device));
  CHECK(is_stream("/dev/null"));
  write("/dev/null", "gone");
  CHECK(fs::is_character_file("/dev/null"));
  CHECK_THROWS_WITH_AS(write("/dev/full", "x"), doctest::Contains("/dev/full"), Error);

  const fs::path pipe = folder.path() / "pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(is_stream(pipe));
  std::string read;
  std::thread reader([&] { read = content(pipe); });
  write(pipe, "through");
  reader.join();
  CHECK(read == "through");
  CHECK(fs::is_fifo(pipe));
}

TEST_CASE("output file: an open descriptor is written where it stands") {
  const TemporaryFolder folder;
  const fs::path log = folder.path() / "log";
  write(log, "before\n");
  const int descriptor = open(log.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  REQUIRE(descriptor >= 0);
  for (const char* place : {"/dev/fd/", "/proc/self/fd/"}) {
    const fs::path path = place + std::to_string(descriptor);
    CHECK(is_stream(path));
    CHECK_FALSE(is_taken(path));
    write(path, "more\n");
  }
  close(descriptor);
  CHECK(content(log) == "before\nmore\nmore\n");
}

TEST_CASE("output file: a terminal and a folder and a missing folder are refused by name") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH_AS(OutputFile(folder.path()), doctest::Contains(folder.path().c_str()), Error);
  CHECK(is_taken(folder.path()));
  CHECK_THROWS_WITH_AS(OutputFile("/nonexistent/out"), doctest::Contains("/nonexistent/out"), Error);
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
  if (terminal < 0) return;
  grantpt(terminal);
  unlockpt(terminal);
  CHECK_THROWS_WITH_AS(OutputFile(ptsname(terminal)), doctest::Contains("is a terminal"), Error);
  close(terminal);
}
