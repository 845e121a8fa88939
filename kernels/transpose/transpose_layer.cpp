#include "kernels/transpose/transpose_layer.hpp"

#include "kernels/dispatch.hpp"

namespace backlight {
namespace {

class Transpose final : public Layer {
 public:
  explicit Transpose(OpKind kind) : kind_(kind) {}

  OpKind kind() const override { return kind_; }
  Needs needs(bool) const override { return {}; }

  Shape output_shape(std::span<const Shape> x) const override {
    require_inputs(kind_, x, 1);
    const bool from_map = kind_ == OpKind::positions;
    if (from_map && x[0].rank() == 2) return {x[0][0], 1, x[0][1]};
    require_rank(kind_, x[0], from_map ? 4 : 3, from_map ? "N×C×H×W or N×C" : "N×T×D");
    if (from_map) return {x[0][0], x[0][2] * x[0][3], x[0][1]};
    return {x[0][0], x[0][2], 1, x[0][1]};
  }

  void forward(const ForwardArgs& a) const override { turn(a.context, *a.x[0], *a.y[0]); }

  void backward(const BackwardArgs& a) const override {
    if (a.dx[0]) turn(a.context, *a.dy[0], *a.dx[0]);
  }

 private:
  /// In both directions the batch is followed by what become the columns.
  static void turn(Context& context, const Tensor& from, Tensor& to) {
    const Shape& shape = from.shape();
    const std::int64_t columns = shape.rank() == 4 ? shape[2] * shape[3] : shape.rank() == 3 ? shape[2] : 1;
    dispatch(context, to.dtype(), [&]<class T>(const Kernels<T>& k) {
      k.transpose(context, {.batch = shape[0], .rows = shape[1], .columns = columns}, from.data<T>(),
                  to.data<T>());
    });
  }

  OpKind kind_;
};

}  // namespace

std::unique_ptr<Layer> positions() { return std::make_unique<Transpose>(OpKind::positions); }
std::unique_ptr<Layer> line_map() { return std::make_unique<Transpose>(OpKind::line_map); }

}  // namespace backlight
