#include "kernels/add/add_layer.hpp"

#include "kernels/dispatch.hpp"

namespace backlight {
namespace {

class Add final : public Layer {
 public:
  OpKind kind() const override { return OpKind::add; }
  Needs needs(bool) const override { return {}; }
  bool in_place() const override { return true; }

  Shape output_shape(std::span<const Shape> x) const override {
    require_inputs(kind(), x, 2);
    if (x[0] != x[1])
      throw Error(ErrorKind::bad_input, "[add] x[0] is ", x[0], ", x[1] is ", x[1],
                  ", expected equal shapes");
    return x[0];
  }

  void forward(const ForwardArgs& a) const override {
    dispatch(a.context, a.y[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      k.add_forward(a.context, a.y[0]->numel(), a.x[0]->data<T>(), a.x[1]->data<T>(), a.y[0]->data<T>());
    });
  }

  void backward(const BackwardArgs& a) const override {
    dispatch(a.context, a.dy[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      for (Tensor* dx : a.dx)
        if (dx) k.add_backward(a.context, a.dy[0]->numel(), a.dy[0]->data<T>(), dx->data<T>());
    });
  }
};

}  // namespace

std::unique_ptr<Layer> add() { return std::make_unique<Add>(); }

}  // namespace backlight
