#include "kernels/grid.hpp"

#include "engine/core/error.hpp"

namespace backlight::cuda {

void refuse_elements(std::int64_t count, std::string_view operation) {
  throw Error(ErrorKind::unsupported, "[", operation, "] ", count,
              " elements are too many for one kernel, expected fewer than 2^31");
}

void refuse_items(std::int64_t items, std::string_view operation) {
  throw Error(ErrorKind::unsupported, "[", operation, "] ", items, " items are too many for one kernel");
}

void refuse_array(std::int64_t count) {
  throw Error(ErrorKind::unsupported, "an array of ", count, " elements is too large for one kernel");
}

}  // namespace backlight::cuda
