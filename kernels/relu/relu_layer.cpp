#include "kernels/relu/relu_layer.hpp"

#include <limits>

#include "kernels/dispatch.hpp"

namespace backlight {
namespace {

class Relu final : public Layer {
 public:
  Relu(std::string_view kind, double upper) : kind_(kind), upper_(upper) {}

  std::string_view kind() const override { return kind_; }
  Needs needs(bool) const override { return {.output = true}; }
  bool in_place() const override { return true; }
  std::optional<double> relu_upper() const override { return upper_; }

  Shape output_shape(std::span<const Shape> x) const override {
    require_inputs(kind_, x, 1);
    return x[0];
  }

  void forward(const ForwardArgs& a) const override {
    dispatch(a.context, a.y.dtype(), [&]<class T>(const Kernels<T>& k) {
      k.relu_forward(a.context, {a.y.numel(), upper_}, a.x[0]->data<T>(), a.y.data<T>());
    });
  }

  void backward(const BackwardArgs& a) const override {
    if (!a.dx[0]) return;
    dispatch(a.context, a.dy.dtype(), [&]<class T>(const Kernels<T>& k) {
      k.relu_backward(a.context, {a.dy.numel(), upper_}, a.rule, a.y->data<T>(), a.dy.data<T>(),
                      a.dx[0]->data<T>());
    });
  }

 private:
  std::string_view kind_;
  double upper_;
};

}  // namespace

std::unique_ptr<Layer> relu() {
  return std::make_unique<Relu>("relu", std::numeric_limits<double>::infinity());
}
std::unique_ptr<Layer> relu6() { return std::make_unique<Relu>("relu6", 6.0); }

}  // namespace backlight
