#include "kernels/concat/concat_layer.hpp"

#include "kernels/dispatch.hpp"

namespace backlight {
namespace {

/// Elements of one image.
std::int64_t image_size(const Shape& shape) { return shape[0] ? shape.numel() / shape[0] : 0; }

class Concat final : public Layer {
 public:
  OpKind kind() const override { return OpKind::concat; }
  Needs needs(bool) const override { return {}; }

  Shape output_shape(std::span<const Shape> x) const override {
    if (x.empty()) throw Error(ErrorKind::usage, "[concat] has no inputs, expected at least one");
    std::int64_t channels = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (x[i].rank() < 2 || x[i].rank() != x[0].rank() || x[i].with(1, x[0][1]) != x[0])
        throw Error(ErrorKind::bad_input, "[concat] x[", i, "] is ", x[i], ", x[0] is ", x[0],
                    ", expected shapes that differ in the channels only");
      channels += x[i][1];
    }
    return x[0].with(1, channels);
  }

  void forward(const ForwardArgs& a) const override {
    dispatch(a.context, a.y[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      const std::int64_t stride = image_size(a.y[0]->shape());
      T* y = a.y[0]->data<T>();
      for (const Tensor* x : a.x) {
        const std::int64_t count = image_size(x->shape());
        k.copy_rows(a.context, {a.y[0]->shape()[0], count, count, stride}, x->data<T>(), y);
        y += count;
      }
    });
  }

  void backward(const BackwardArgs& a) const override {
    dispatch(a.context, a.dy[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      const std::int64_t stride = image_size(a.dy[0]->shape());
      const T* dy = a.dy[0]->data<T>();
      for (std::size_t i = 0; i < a.dx.size(); ++i) {
        const std::int64_t count = image_size(a.x_shapes[i]);
        if (a.dx[i]) k.copy_rows(a.context, {a.dy[0]->shape()[0], count, stride, count}, dy, a.dx[i]->data<T>());
        dy += count;
      }
    });
  }
};

}  // namespace

std::unique_ptr<Layer> concat() { return std::make_unique<Concat>(); }

}  // namespace backlight
