#include "engine/layer.hpp"

namespace backlight {

void require_inputs(std::string_view kind, std::span<const Shape> x, std::size_t count) {
  if (x.size() != count)
    throw Error(ErrorKind::usage, "[", kind, "] has ", x.size(), " inputs, expected ", count);
}

void require_rank(std::string_view kind, const Shape& shape, int rank, std::string_view meaning) {
  if (shape.rank() != rank)
    throw Error(ErrorKind::bad_input, "[", kind, "] x is ", shape, ", expected ", meaning);
}

}  // namespace backlight
