#include "weights/names.hpp"

#include <cstddef>
#include <cstdint>

#include "engine/core/error.hpp"
#include "weights/pickle.hpp"

namespace backlight::weights {
namespace {

constexpr std::size_t kLongest = 1024;

/// Bytes of the code point at the front: 0 for malformed UTF-8 or a control character.
std::size_t code_point_size(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return lead >= 0x20 && lead != 0x7f;
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return 0;
  std::uint32_t code = lead & (0x7fu >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3fu);
  }
  const bool overlong = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  return overlong || surrogate || code > 0x10ffff || code < 0xa0 ? 0 : size;
}

}  // namespace

void check_tensor_name(std::string_view name) {
  bool good = !name.empty() && name.size() <= kLongest;
  for (std::size_t at = 0; good && at < name.size();) {
    const std::size_t size = code_point_size(name.substr(at));
    good = size > 0;
    at += size;
  }
  if (!good) {
    throw Error(ErrorKind::bad_input, "\"", printable(name), "\" (", name.size(),
                " bytes) is not a name for a tensor: expected 1 to ", kLongest, " bytes of printable UTF-8");
  }
}

}  // namespace backlight::weights
