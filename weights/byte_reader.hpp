// A cursor over bytes that checks before it advances.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "engine/core/error.hpp"

namespace backlight::weights {

static_assert(std::endian::native == std::endian::little,
              "the readers take little-endian numbers as they are");

inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class ByteReader {
 public:
  /// `what` names the bytes in error messages, e.g. "the zip directory"; it must outlive the reader.
  ByteReader(std::span<const std::byte> bytes, const char* what) : bytes_(bytes), what_(what) {}

  std::size_t position() const { return at_; }
  std::size_t remaining() const { return bytes_.size() - at_; }

  std::span<const std::byte> take(std::uint64_t count) {
    if (count > remaining()) {
      throw Error(ErrorKind::bad_input, what_, " is truncated or damaged: ", count,
                  " bytes wanted at offset ", at_, ", ", remaining(), " are left");
    }
    const auto taken = bytes_.subspan(at_, static_cast<std::size_t>(count));
    at_ += static_cast<std::size_t>(count);
    return taken;
  }
  std::string_view take_text(std::uint64_t count) { return as_text(take(count)); }

  /// A little-endian number.
  template <class T>
  T read() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }

  /// Up to and without the next line feed, which is consumed.
  std::string_view line() {
    const std::string_view rest = as_text(bytes_.subspan(at_));
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) {
      throw Error(ErrorKind::bad_input, what_, " is truncated or damaged: a line at offset ", at_,
                  " does not end");
    }
    at_ += end + 1;
    return rest.substr(0, end);
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
  const char* what_;
};

}  // namespace backlight::weights
