// The one exception type of the library, and the exit code each kind has in the program.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace backlight {

/// What went wrong, in the caller's terms. The value is the program's exit code.
enum class ErrorKind {
  internal = 1,     ///< a broken invariant of backlight itself
  usage = 2,        ///< the caller asked for something that cannot be meant
  bad_input = 3,    ///< a file or tensor is not what it should be
  unsupported = 4,  ///< well-formed, but not something backlight can do
  resources = 5,    ///< memory, disk, network or device is lacking
};

/// Concatenates anything that can be streamed.
template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return std::move(out).str();
}

/// Thrown by every part of the library. The message names the file or tensor, what was found, what was
/// expected, and the next step: `throw Error(ErrorKind::bad_input, "[conv2d] x is ", shape, ", w expects
/// C=64")`.
class Error : public std::runtime_error {
 public:
  template <class... Parts>
  explicit Error(ErrorKind kind, const Parts&... parts) : std::runtime_error(text(parts...)), kind_(kind) {}

  ErrorKind kind() const noexcept { return kind_; }

 private:
  ErrorKind kind_;
};

}  // namespace backlight
