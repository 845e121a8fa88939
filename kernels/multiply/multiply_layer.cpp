#include "kernels/multiply/multiply_layer.hpp"

#include <algorithm>

#include "kernels/dispatch.hpp"

namespace backlight {
namespace {

class Multiply final : public Layer {
 public:
  OpKind kind() const override { return OpKind::multiply; }
  Needs needs(bool) const override { return {.inputs = true}; }

  Shape output_shape(std::span<const Shape> x) const override {
    require_inputs(kind(), x, 2);
    Shape y = x[0];
    bool fit = x[0].rank() == x[1].rank();
    for (int i = 0; fit && i < y.rank(); ++i) {
      if (y[i] == 1) y = y.with(i, x[1][i]);
      fit = y[i] == x[1][i] || x[1][i] == 1;
    }
    if (!fit)
      throw Error(ErrorKind::bad_input, "[multiply] x[0] is ", x[0], ", x[1] is ", x[1],
                  ", expected equal extents, or 1");
    return y;
  }

  void forward(const ForwardArgs& a) const override {
    dispatch(a.context, a.y[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      k.multiply_forward(a.context, {a.x[0]->shape(), a.x[1]->shape()}, a.x[0]->data<T>(), a.x[1]->data<T>(),
                         a.y[0]->data<T>());
    });
  }

  void backward(const BackwardArgs& a) const override {
    dispatch(a.context, a.dy[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      for (const std::size_t i : {std::size_t{0}, std::size_t{1}})
        if (a.dx[i])
          k.multiply_backward(a.context, {a.x_shapes[i], a.x_shapes[1 - i]}, a.x[1 - i]->data<T>(),
                              a.dy[0]->data<T>(), a.dx[i]->data<T>());
    });
  }
};

}  // namespace

std::unique_ptr<Layer> multiply() { return std::make_unique<Multiply>(); }

}  // namespace backlight
