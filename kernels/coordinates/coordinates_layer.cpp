#include "kernels/coordinates/coordinates_layer.hpp"

#include "kernels/dispatch.hpp"

namespace backlight {
namespace {

class Coordinates final : public Layer {
 public:
  OpKind kind() const override { return OpKind::coordinates; }
  Needs needs(bool) const override { return {}; }

  Shape output_shape(std::span<const Shape> x) const override {
    require_inputs(kind(), x, 1);
    require_rank(kind(), x[0], 4, "N×C×H×W");
    return x[0].with(1, x[0][1] + 2);
  }

  void forward(const ForwardArgs& a) const override {
    const Shape& x = a.x[0]->shape();
    const std::int64_t plane = x[2] * x[3];
    dispatch(a.context, a.y[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      k.copy_rows(a.context, {x[0], x[1] * plane, x[1] * plane, (x[1] + 2) * plane}, a.x[0]->data<T>(),
                  a.y[0]->data<T>());
      k.coordinates(a.context, {.batch = x[0], .channels = x[1], .height = x[2], .width = x[3]},
                    a.y[0]->data<T>());
    });
  }

  void backward(const BackwardArgs& a) const override {
    if (!a.dx[0]) return;
    const Shape& x = a.x_shapes[0];
    const std::int64_t plane = x[2] * x[3];
    dispatch(a.context, a.dy[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      k.copy_rows(a.context, {x[0], x[1] * plane, (x[1] + 2) * plane, x[1] * plane}, a.dy[0]->data<T>(),
                  a.dx[0]->data<T>());
    });
  }
};

}  // namespace

std::unique_ptr<Layer> coordinates() { return std::make_unique<Coordinates>(); }

}  // namespace backlight
