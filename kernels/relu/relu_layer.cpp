#include "kernels/relu/relu_layer.hpp"

#include <limits>

#include "kernels/dispatch.hpp"
#include "kernels/relevance/relevance_layer.hpp"

namespace backlight {
namespace {

class Relu final : public Layer {
 public:
  Relu(OpKind kind, double upper) : kind_(kind), upper_(upper) {}

  OpKind kind() const override { return kind_; }
  Needs needs(bool) const override { return {.outputs = true}; }
  bool in_place() const override { return true; }
  std::optional<double> relu_upper() const override { return upper_; }

  Shape output_shape(std::span<const Shape> x) const override {
    require_inputs(kind_, x, 1);
    return x[0];
  }

  void forward(const ForwardArgs& a) const override {
    dispatch(a.context, a.y[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      k.relu_forward(a.context, {a.y[0]->numel(), upper_}, a.x[0]->data<T>(), a.y[0]->data<T>());
    });
  }

  void backward(const BackwardArgs& a) const override {
    if (!a.dx[0]) return;
    dispatch(a.context, a.dy[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      k.relu_backward(a.context, {a.dy[0]->numel(), upper_}, rule_at(kind_, a.rule), a.y[0]->data<T>(),
                      a.dy[0]->data<T>(), a.dx[0]->data<T>());
    });
    if (reads_values(a.rule)) secant_backward(a);
  }

 private:
  OpKind kind_;
  double upper_;
};

}  // namespace

std::unique_ptr<Layer> relu() {
  return std::make_unique<Relu>(OpKind::relu, std::numeric_limits<double>::infinity());
}
std::unique_ptr<Layer> relu6() { return std::make_unique<Relu>(OpKind::relu6, 6.0); }

}  // namespace backlight
