#include "support/process.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>

namespace backlight::test {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

File temporary() {
  File file(std::tmpfile());
  if (!file) throw std::runtime_error("no temporary file can be made");
  return file;
}

std::string content(const File& file) {
  std::string text;
  std::rewind(file.get());
  char block[4096];
  for (std::size_t got; (got = std::fread(block, 1, sizeof block, file.get())) > 0;) text.append(block, got);
  return text;
}

/// In the child, between fork and exec.
[[noreturn]] void become(const std::vector<std::string>& arguments, const ProcessOptions& options, int in,
                         int out, int err) {
  if (options.closed_stdout) {
    int ends[2];
    if (::pipe(ends) != 0) ::_exit(126);
    ::close(ends[0]);
    out = ends[1];
  } else if (!options.stdout_path.empty()) {
    out = ::open(options.stdout_path.c_str(), O_WRONLY);
  }
  if (::dup2(in, STDIN_FILENO) < 0 || ::dup2(out, STDOUT_FILENO) < 0 || ::dup2(err, STDERR_FILENO) < 0)
    ::_exit(126);
  if (!options.folder.empty() && ::chdir(options.folder.c_str()) != 0) ::_exit(126);
  for (const auto& [name, value] : options.environment) ::setenv(name.c_str(), value.c_str(), 1);
  if (options.address_space > 0) {
    const rlimit room{options.address_space, options.address_space};
    if (::setrlimit(RLIMIT_AS, &room) != 0) ::_exit(126);
  }
  ::alarm(120);
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

}  // namespace

ProcessResult run_process(const std::vector<std::string>& arguments, const ProcessOptions& options) {
  const File in = temporary(), out = temporary(), err = temporary();
  std::fwrite(options.input.data(), 1, options.input.size(), in.get());
  std::rewind(in.get());
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("no process can be made");
  if (child == 0) become(arguments, options, ::fileno(in.get()), ::fileno(out.get()), ::fileno(err.get()));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) throw std::runtime_error("the process was lost");
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return {code, content(out), content(err)};
}

}  // namespace backlight::test
