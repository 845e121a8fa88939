#include "kernels/broadcast_add/broadcast_add_layer.hpp"

#include "kernels/dispatch.hpp"

namespace backlight {
namespace {

class BroadcastAdd final : public Layer {
 public:
  OpKind kind() const override { return OpKind::broadcast_add; }
  Needs needs(bool) const override { return {}; }
  bool in_place() const override { return true; }

  Shape output_shape(std::span<const Shape> x) const override {
    require_inputs(kind(), x, 2);
    int repeated = 0;
    bool fit = x[0].rank() == x[1].rank();
    for (int i = 0; fit && i < x[0].rank(); ++i) {
      repeated += x[0][i] != x[1][i];
      fit = x[0][i] == x[1][i] || x[1][i] == 1;
    }
    if (!fit || repeated > 1)
      throw Error(ErrorKind::bad_input, "[broadcast_add] x[0] is ", x[0], ", x[1] is ", x[1],
                  ", expected equal extents, or 1 in one dimension of x[1]");
    return x[0];
  }

  void forward(const ForwardArgs& a) const override {
    dispatch(a.context, a.y[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      k.broadcast_add_forward(a.context, params(a.y[0]->shape(), a.x[1]->shape()), a.x[0]->data<T>(),
                              a.x[1]->data<T>(), a.y[0]->data<T>());
    });
  }

  void backward(const BackwardArgs& a) const override {
    dispatch(a.context, a.dy[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      const T* dy = a.dy[0]->data<T>();
      if (a.dx[0]) k.add_backward(a.context, a.dy[0]->numel(), dy, a.dx[0]->data<T>());
      if (a.dx[1])
        k.broadcast_add_backward(a.context, params(a.x_shapes[0], a.x_shapes[1]), dy, a.dx[1]->data<T>());
    });
  }

 private:
  static BroadcastAddParams params(const Shape& a, const Shape& b) {
    BroadcastAddParams p;
    for (int i = 0; i < a.rank(); ++i) {
      if (a[i] != b[i])
        p = {.outer = p.inner, .repeats = a[i]};
      else
        p.inner *= a[i];
    }
    return p;
  }
};

}  // namespace

std::unique_ptr<Layer> broadcast_add() { return std::make_unique<BroadcastAdd>(); }

}  // namespace backlight
