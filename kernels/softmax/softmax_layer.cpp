#include "kernels/softmax/softmax_layer.hpp"

#include "kernels/dispatch.hpp"

namespace backlight {
namespace {

SoftmaxParams params(const Shape& x) {
  return {.outer = x[0], .classes = x[1], .inner = x.rank() == 4 ? x[2] * x[3] : 1};
}

class Softmax final : public Layer {
 public:
  explicit Softmax(bool log) : log_(log) {}

  OpKind kind() const override { return log_ ? OpKind::log_softmax : OpKind::softmax; }
  Needs needs(bool) const override { return {.outputs = true}; }
  bool in_place() const override { return true; }

  Shape output_shape(std::span<const Shape> x) const override {
    require_inputs(kind(), x, 1);
    if (x[0].rank() != 2 && x[0].rank() != 4)
      throw Error(ErrorKind::bad_input, "[", kind(), "] x is ", x[0], ", expected N×K or N×C×H×W");
    return x[0];
  }

  void forward(const ForwardArgs& a) const override {
    dispatch(a.context, a.y[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      const auto kernel = log_ ? k.log_softmax_forward : k.softmax_forward;
      kernel(a.context, params(a.y[0]->shape()), a.x[0]->data<T>(), a.y[0]->data<T>());
    });
  }

  void backward(const BackwardArgs& a) const override {
    if (!a.dx[0]) return;
    dispatch(a.context, a.dy[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      const auto kernel = log_ ? k.log_softmax_backward : k.softmax_backward;
      kernel(a.context, params(a.dy[0]->shape()), a.y[0]->data<T>(), a.dy[0]->data<T>(), a.dx[0]->data<T>());
    });
  }

 private:
  bool log_;
};

}  // namespace

std::unique_ptr<Layer> softmax() { return std::make_unique<Softmax>(false); }
std::unique_ptr<Layer> log_softmax() { return std::make_unique<Softmax>(true); }

}  // namespace backlight
