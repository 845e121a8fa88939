#include "engine/core/rows.hpp"

#include <cstring>

namespace backlight {

Tensor rows_of(const Tensor& values, std::span<const std::int64_t> rows) {
  const std::int64_t count = values.shape()[0];
  Tensor chosen(values.shape().with(0, std::ssize(rows)), values.dtype());
  const std::size_t bytes = count > 0 ? values.bytes() / static_cast<std::size_t>(count) : 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] < 0 || rows[i] >= count)
      throw Error(ErrorKind::usage, "row ", rows[i], " was asked for, but there are ", count);
    std::memcpy(static_cast<std::byte*>(chosen.raw()) + i * bytes,
                static_cast<const std::byte*>(values.raw()) + static_cast<std::size_t>(rows[i]) * bytes, bytes);
  }
  return chosen;
}

}  // namespace backlight
