#include "kernels/square/square_layer.hpp"

#include "kernels/dispatch.hpp"

namespace backlight {
namespace {

class Square final : public Layer {
 public:
  OpKind kind() const override { return OpKind::square; }
  Needs needs(bool) const override { return {.inputs = true}; }

  Shape output_shape(std::span<const Shape> x) const override {
    require_inputs(kind(), x, 1);
    return x[0];
  }

  void forward(const ForwardArgs& a) const override {
    dispatch(a.context, a.y[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      k.square_forward(a.context, a.y[0]->numel(), a.x[0]->data<T>(), a.y[0]->data<T>());
    });
  }

  void backward(const BackwardArgs& a) const override {
    if (!a.dx[0]) return;
    dispatch(a.context, a.dy[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      k.square_backward(a.context, a.dy[0]->numel(), a.x[0]->data<T>(), a.dy[0]->data<T>(), a.dx[0]->data<T>());
    });
  }
};

}  // namespace

std::unique_ptr<Layer> square() { return std::make_unique<Square>(); }

}  // namespace backlight
