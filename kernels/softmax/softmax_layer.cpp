#include "kernels/softmax/softmax_layer.hpp"

#include "kernels/dispatch.hpp"

namespace backlight {
namespace {

/// What a dimension's distributions are.
SoftmaxParams distributions(const Shape& x, int dimension) {
  SoftmaxParams p{.outer = 1, .classes = x[dimension], .inner = 1};
  for (int i = 0; i < dimension; ++i) p.outer *= x[i];
  for (int i = dimension + 1; i < x.rank(); ++i) p.inner *= x[i];
  return p;
}

class Softmax final : public Layer {
 public:
  Softmax(bool log, Classes classes) : log_(log), classes_(classes) {}

  OpKind kind() const override { return log_ ? OpKind::log_softmax : OpKind::softmax; }
  std::vector<Attribute> attributes() const override { return {{"last", classes_ == Classes::last, false}}; }
  Needs needs(bool) const override { return {.outputs = true}; }
  bool in_place() const override { return true; }

  Shape output_shape(std::span<const Shape> x) const override {
    require_inputs(kind(), x, 1);
    if (x[0].rank() < 2)
      throw Error(ErrorKind::bad_input, "[", kind(), "] x is ", x[0], ", expected N×K, N×C×H×W or N×T×K");
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
  SoftmaxParams params(const Shape& x) const {
    return distributions(x, classes_ == Classes::last ? x.rank() - 1 : 1);
  }

  bool log_;
  Classes classes_;
};

class MaskedSoftmax final : public Layer {
 public:
  OpKind kind() const override { return OpKind::masked_softmax; }
  Needs needs(bool) const override { return {.outputs = true}; }
  bool in_place() const override { return true; }

  std::vector<TensorType> infer(std::span<const TensorType> x, DType computed) const override {
    require_inputs(kind(), x, 2);
    require_dtype(kind(), x, 0, computed);
    require_dtype(kind(), x, 1, DType::i32);
    const Shape &scores = x[0].shape, &tokens = x[1].shape;
    if (scores.rank() < 2 || tokens != Shape{scores[0], scores[1]})
      throw Error(ErrorKind::bad_input, "[masked_softmax] x[0] is ", scores, ", x[1] is ", tokens,
                  ", expected N×T×… and N×T");
    return {x[0]};
  }

  void forward(const ForwardArgs& a) const override {
    dispatch(a.context, a.y[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      k.masked_softmax_forward(a.context, distributions(a.y[0]->shape(), 1), a.x[1]->data<std::int32_t>(),
                               a.x[0]->data<T>(), a.y[0]->data<T>());
    });
  }

  void backward(const BackwardArgs& a) const override {
    if (!a.dx[0]) return;
    dispatch(a.context, a.dy[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      k.softmax_backward(a.context, distributions(a.dy[0]->shape(), 1), a.y[0]->data<T>(), a.dy[0]->data<T>(),
                         a.dx[0]->data<T>());
    });
  }
};

}  // namespace

std::unique_ptr<Layer> softmax(Classes classes) { return std::make_unique<Softmax>(false, classes); }
std::unique_ptr<Layer> log_softmax(Classes classes) { return std::make_unique<Softmax>(true, classes); }
std::unique_ptr<Layer> masked_softmax() { return std::make_unique<MaskedSoftmax>(); }

}  // namespace backlight
