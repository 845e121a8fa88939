#include "engine/graph/layer.hpp"

namespace backlight {

std::vector<TensorType> Layer::infer(std::span<const TensorType> x, DType computed) const {
  std::vector<Shape> shapes;
  for (std::size_t i = 0; i < x.size(); ++i) {
    require_dtype(kind(), x, i, computed);
    shapes.push_back(x[i].shape);
  }
  return {{computed, output_shape(shapes)}};
}

Shape Layer::output_shape(std::span<const Shape>) const {
  throw Error(ErrorKind::internal, "[", kind(), "] has no shape rule: override output_shape or infer");
}

namespace {

void require_count(OpKind kind, std::size_t found, std::size_t expected) {
  if (found != expected)
    throw Error(ErrorKind::usage, "[", kind, "] has ", found, " inputs, expected ", expected);
}

}  // namespace

void require_inputs(OpKind kind, std::span<const Shape> x, std::size_t count) {
  require_count(kind, x.size(), count);
}
void require_inputs(OpKind kind, std::span<const TensorType> x, std::size_t count) {
  require_count(kind, x.size(), count);
}

void require_dtype(OpKind kind, std::span<const TensorType> x, std::size_t i, DType expected) {
  if (x[i].dtype != expected)
    throw Error(ErrorKind::bad_input, "[", kind, "] x[", i, "] is ", x[i].dtype, ", expected ", expected);
}

void require_rank(OpKind kind, const Shape& shape, int rank, std::string_view meaning) {
  if (shape.rank() != rank)
    throw Error(ErrorKind::bad_input, "[", kind, "] x is ", shape, ", expected ", meaning);
}

}  // namespace backlight
