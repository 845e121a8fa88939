#include "kernels/maximum/maximum_layer.hpp"

#include "kernels/dispatch.hpp"

namespace backlight {
namespace {

class MaximumLayer final : public Layer {
 public:
  OpKind kind() const override { return OpKind::maximum; }
  Needs needs(bool) const override { return {.inputs = true}; }

  Shape output_shape(std::span<const Shape> x) const override {
    require_inputs(kind(), x, 2);
    if (x[0] != x[1])
      throw Error(ErrorKind::bad_input, "[maximum] x[0] is ", x[0], ", x[1] is ", x[1],
                  ", expected equal shapes");
    return x[0];
  }

  void forward(const ForwardArgs& a) const override {
    dispatch(a.context, a.y[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      k.maximum_forward(a.context, a.y[0]->numel(), a.x[0]->data<T>(), a.x[1]->data<T>(), a.y[0]->data<T>());
    });
  }

  void backward(const BackwardArgs& a) const override {
    dispatch(a.context, a.dy[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      for (const std::size_t i : {std::size_t{0}, std::size_t{1}})
        if (a.dx[i])
          k.maximum_backward(a.context, a.dy[0]->numel(), i == 0, a.x[0]->data<T>(), a.x[1]->data<T>(),
                             a.dy[0]->data<T>(), a.dx[i]->data<T>());
    });
  }
};

}  // namespace

std::unique_ptr<Layer> maximum() { return std::make_unique<MaximumLayer>(); }

}  // namespace backlight
