#include "engine/graph/layer.hpp"

#include <utility>

namespace backlight {

std::vector<ConstParameter> Layer::parameters() const {
  std::vector<ConstParameter> all;
  // Naming a parameter changes nothing, and here it is handed out to be read.
  for (Parameter& p : const_cast<Layer*>(this)->parameters())
    all.push_back({std::move(p.name), p.tensor, p.trainable});
  return all;
}

void require_inputs(std::string_view kind, std::span<const Shape> x, std::size_t count) {
  if (x.size() != count)
    throw Error(ErrorKind::usage, "[", kind, "] has ", x.size(), " inputs, expected ", count);
}

void require_rank(std::string_view kind, const Shape& shape, int rank, std::string_view meaning) {
  if (shape.rank() != rank)
    throw Error(ErrorKind::bad_input, "[", kind, "] x is ", shape, ", expected ", meaning);
}

}  // namespace backlight
