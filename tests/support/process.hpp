// Runs a program and takes what it says.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace backlight::test {

struct ProcessResult {
  int exit_code = -1;  ///< 128 + the signal's number for a process that a signal ended
  std::string out, err;
};

struct ProcessOptions {
  std::string input = {};                               ///< on standard input
  std::map<std::string, std::string> environment = {};  ///< added to this process's
  std::string stdout_path = {};  ///< a file to write to instead of taking it, e.g. /dev/full
  bool closed_stdout = false;    ///< a pipe that nobody reads
  std::string folder = {};       ///< to run in, instead of this process's
  std::size_t address_space = 0;  ///< bytes, threads' stacks included; 0 for no limit
};

/// Ends after two minutes at the latest, by a signal. Throws std::runtime_error when the process cannot be
/// made.
ProcessResult run_process(const std::vector<std::string>& arguments, const ProcessOptions& options = {});

}  // namespace backlight::test
