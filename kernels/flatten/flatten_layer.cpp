#include "kernels/flatten/flatten_layer.hpp"

#include "kernels/dispatch.hpp"

namespace backlight {
namespace {

class Flatten final : public Layer {
 public:
  OpKind kind() const override { return OpKind::flatten; }
  Needs needs(bool) const override { return {}; }
  bool keeps_sums() const override { return true; }

  Shape output_shape(std::span<const Shape> x) const override {
    require_inputs(kind(), x, 1);
    if (x[0].rank() < 1) throw Error(ErrorKind::bad_input, "[flatten] x is ", x[0], ", expected N×…");
    std::int64_t count = 1;
    for (int i = 1; i < x[0].rank(); ++i) count *= x[0][i];
    return {x[0][0], count};
  }

  void forward(const ForwardArgs& a) const override {
    dispatch(a.context, a.y[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      k.copy_rows(a.context, {.count = a.y[0]->numel()}, a.x[0]->data<T>(), a.y[0]->data<T>());
    });
  }

  void backward(const BackwardArgs& a) const override {
    if (!a.dx[0]) return;
    dispatch(a.context, a.dy[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      k.copy_rows(a.context, {.count = a.dy[0]->numel()}, a.dy[0]->data<T>(), a.dx[0]->data<T>());
    });
  }
};

}  // namespace

std::unique_ptr<Layer> flatten() { return std::make_unique<Flatten>(); }

}  // namespace backlight
