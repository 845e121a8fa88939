#include "tools/backlight/console.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>

namespace backlight::tools {
namespace {

bool coloured(std::FILE* stream) {
  const char* no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') return false;
  const char* term = std::getenv("TERM");
  return isatty(fileno(stream)) != 0 && term != nullptr && std::string_view(term) != "dumb";
}

void put(std::FILE* stream, std::string_view text) { std::fwrite(text.data(), 1, text.size(), stream); }

}  // namespace

void Console::add_options(CLI::App& command) {
  auto* quiet = command.add_flag("-q,--quiet", quiet_, "Say nothing but data, warnings and errors");
  command.add_flag("-v,--verbose", verbose_, "Say more about what is done")->excludes(quiet);
}

void Console::print(std::string_view text) {
  end_progress();
  put(stdout, text);
}

void Console::flush() { std::fflush(stdout); }

void Console::progress(std::size_t done, std::size_t total, std::string_view what) {
  if (quiet_ || isatty(fileno(stderr)) == 0) return;
  constexpr std::size_t kShown = 50;
  const std::string name = printable(what.size() > kShown ? what.substr(what.size() - kShown) : what);
  put(stderr, backlight::text("\r\33[K[", done, "/", total, "] ", name));
  std::fflush(stderr);
  progress_shown_ = true;
}

void Console::end_progress() {
  if (!progress_shown_) return;
  put(stderr, "\r\33[K");
  std::fflush(stderr);
  progress_shown_ = false;
}

void Console::message(std::string_view severity, const std::string& text) {
  end_progress();
  std::fflush(stdout);
  std::string line;
  if (!severity.empty()) {
    const char* color = severity == "error" ? "\33[1;31m" : "\33[1;33m";
    const bool color_it = coloured(stderr);
    line += "backlight: ";
    if (color_it) line += color;
    line.append(severity).append(":");
    if (color_it) line += "\33[0m";
    line += ' ';
  }
  put(stderr, line + printable(text) + "\n");
}

std::string printable(std::string_view text) {
  std::string out(text);
  const auto is_second_of_c1 = [&](std::size_t i) {  // U+0080 to U+009F
    return i > 0 && text[i - 1] == '\xC2' && static_cast<unsigned char>(text[i]) < 0xA0;
  };
  for (std::size_t i = 0; i < out.size(); ++i)
    if (static_cast<unsigned char>(out[i]) < 0x20 || out[i] == 0x7f || is_second_of_c1(i)) out[i] = '?';
  return out;
}

std::string counted(std::size_t count, std::string_view what) {
  return backlight::text(count, " ", what, count == 1 ? "" : "s");
}

void flush_stdout() {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    throw Error(ErrorKind::resources, "standard output could not be written to the end");
}

}  // namespace backlight::tools
