// What the program says: data on stdout, messages on stderr.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "engine/core/error.hpp"

namespace CLI {
class App;
}

namespace backlight::tools {

/// Messages of one command, a line each, without control characters. NO_COLOR is honoured.
class Console {
 public:
  /// Adds `-q/--quiet` and `-v/--verbose`.
  void add_options(CLI::App& command);
  /// As -q does.
  void be_quiet() { quiet_ = true, verbose_ = false; }

  /// Data. Whether stdout took it is checked once, by `flush_stdout`.
  void print(std::string_view text);
  /// Passes on what was printed so far, for whoever reads along.
  void flush();
  /// Data for people, left out when quiet.
  void print_unless_quiet(std::string_view text) {
    if (!quiet_) print(text);
  }

  /// To stderr: `note` unless quiet, `detail` only when verbose, warnings and errors always.
  template <class... Parts>
  void note(const Parts&... parts) {
    if (!quiet_) message("", text(parts...));
  }
  template <class... Parts>
  void detail(const Parts&... parts) {
    if (verbose_) message("", text(parts...));
  }
  template <class... Parts>
  void warning(const Parts&... parts) {
    message("warning", text(parts...));
  }
  template <class... Parts>
  void error(const Parts&... parts) {
    message("error", text(parts...));
  }

  /// A line that is rewritten in place; only on a terminal and unless quiet.
  void progress(std::size_t done, std::size_t total, std::string_view what);
  void end_progress();

 private:
  void message(std::string_view severity, const std::string& text);

  bool quiet_ = false;
  bool verbose_ = false;
  bool progress_shown_ = false;
};

/// `text` with control characters replaced, so that a file's name can neither forge a line nor drive the
/// terminal.
std::string printable(std::string_view text);

/// `1 picture`, `2 pictures`.
std::string counted(std::size_t count, std::string_view what);

/// Throws Error(resources) when anything that was printed could not be written.
void flush_stdout();

}  // namespace backlight::tools
