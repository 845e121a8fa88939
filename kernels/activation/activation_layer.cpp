#include "kernels/activation/activation_layer.hpp"

#include <cmath>

#include "kernels/dispatch.hpp"
#include "kernels/relevance/relevance_layer.hpp"

namespace backlight {
namespace {

class ActivationLayer final : public Layer {
 public:
  explicit ActivationLayer(Activation activation, std::vector<Attribute> attributes = {})
      : activation_(activation), attributes_(std::move(attributes)) {}

  OpKind kind() const override {
    return std::visit([](const auto& f) { return f.kind; }, activation_);
  }
  std::vector<Attribute> attributes() const override { return attributes_; }
  Needs needs(bool) const override { return {.inputs = !reads_y(), .outputs = reads_y()}; }
  bool in_place() const override { return true; }

  Shape output_shape(std::span<const Shape> x) const override {
    require_inputs(kind(), x, 1);
    return x[0];
  }

  void forward(const ForwardArgs& a) const override {
    dispatch(a.context, a.y[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      k.activation_forward(a.context, a.y[0]->numel(), activation_, a.x[0]->data<T>(), a.y[0]->data<T>());
    });
  }

  void backward(const BackwardArgs& a) const override {
    if (!a.dx[0]) return;
    dispatch(a.context, a.dy[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      const Tensor& saved = reads_y() ? *a.y[0] : *a.x[0];
      k.activation_backward(a.context, a.dy[0]->numel(), activation_, saved.data<T>(), a.dy[0]->data<T>(),
                            a.dx[0]->data<T>());
    });
    if (reads_values(a.rule)) secant_backward(a);
  }

 private:
  bool reads_y() const {
    return std::visit([](const auto& f) { return f.reads_y; }, activation_);
  }

  Activation activation_;
  std::vector<Attribute> attributes_;
};

template <class F>
std::unique_ptr<Layer> layer_of(const F& f, std::vector<Attribute> attributes = {}) {
  return std::make_unique<ActivationLayer>(f, std::move(attributes));
}

}  // namespace

std::unique_ptr<Layer> sigmoid() { return layer_of(activations::Sigmoid{}); }
std::unique_ptr<Layer> tanh() { return layer_of(activations::Tanh{}); }
std::unique_ptr<Layer> silu() { return layer_of(activations::Silu{}); }
std::unique_ptr<Layer> hard_sigmoid() { return layer_of(activations::HardSigmoid{}); }
std::unique_ptr<Layer> hard_swish() { return layer_of(activations::HardSwish{}); }

std::unique_ptr<Layer> leaky_relu(double negative_slope) {
  if (!std::isfinite(negative_slope))
    throw Error(ErrorKind::usage, "[leaky_relu] negative_slope is ", negative_slope,
                ", expected a finite number");
  return layer_of(activations::LeakyRelu{negative_slope}, {{"negative_slope", negative_slope, 0.01}});
}

std::unique_ptr<Layer> gelu(bool approximate) {
  const std::vector<Attribute> attributes = {{"approximate", approximate, false}};
  return approximate ? layer_of(activations::GeluTanh{}, attributes)
                     : layer_of(activations::Gelu{}, attributes);
}

}  // namespace backlight
