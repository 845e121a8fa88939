#include "kernels/local_response_norm/local_response_norm_layer.hpp"

#include "kernels/dispatch.hpp"

namespace backlight {
namespace {

class LocalResponseNorm final : public Layer {
 public:
  explicit LocalResponseNorm(const LocalResponseNormOptions& options) : options_(options) {
    if (options.size < 1)
      throw Error(ErrorKind::usage, "[local_response_norm] size is ", options.size, ", expected 1 or more");
  }

  OpKind kind() const override { return OpKind::local_response_norm; }
  std::vector<Attribute> attributes() const override {
    return {{"size", options_.size}, {"alpha", options_.alpha}, {"beta", options_.beta}, {"k", options_.k}};
  }
  Needs needs(bool) const override { return {.inputs = true}; }

  Shape output_shape(std::span<const Shape> x) const override {
    require_inputs(kind(), x, 1);
    require_rank(kind(), x[0], 4, "N×C×H×W");
    return x[0];
  }

  void forward(const ForwardArgs& a) const override {
    dispatch(a.context, a.y[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      Tensor scale = a.context.empty(a.y[0]->shape(), a.y[0]->dtype());
      k.local_response_norm_forward(a.context, params(a.y[0]->shape()), a.x[0]->data<T>(), a.y[0]->data<T>(),
                                    scale.data<T>());
      if (a.saved) a.saved->tensors.push_back(std::move(scale));
    });
  }

  void backward(const BackwardArgs& a) const override {
    if (!a.dx[0]) return;
    dispatch(a.context, a.dy[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      k.local_response_norm_backward(a.context, params(a.dy[0]->shape()), a.x[0]->data<T>(),
                                     a.saved.tensors.at(0).data<T>(), a.dy[0]->data<T>(), a.dx[0]->data<T>());
    });
  }

 private:
  LocalResponseNormParams params(const Shape& x) const {
    return {.batch = x[0],
            .channels = x[1],
            .plane = x[2] * x[3],
            .size = options_.size,
            .alpha = options_.alpha,
            .beta = options_.beta,
            .k = options_.k};
  }

  LocalResponseNormOptions options_;
};

}  // namespace

std::unique_ptr<Layer> local_response_norm(const LocalResponseNormOptions& options) {
  return std::make_unique<LocalResponseNorm>(options);
}

}  // namespace backlight
