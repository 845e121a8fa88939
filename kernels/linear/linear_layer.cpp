#include "kernels/linear/linear_layer.hpp"

#include "kernels/dispatch.hpp"
#include "kernels/relevance/relevance_layer.hpp"

namespace backlight {
namespace {

class Linear final : public Layer {
 public:
  Linear(std::int64_t in, std::int64_t out, bool bias) : in_(in), out_(out), has_bias_(bias) {
    if (in < 1 || out < 1)
      throw Error(ErrorKind::usage, "[linear] ", in, " inputs and ", out,
                  " outputs were asked for, both must be positive");
  }

  OpKind kind() const override { return OpKind::linear; }
  Needs needs(bool parameter_gradients) const override { return {.inputs = parameter_gradients}; }

  std::vector<ParameterSpec> parameters() const override {
    std::vector<ParameterSpec> all{{"weight", {out_, in_}}};
    if (has_bias_) all.push_back({"bias", {out_}});
    return all;
  }

  Shape output_shape(std::span<const Shape> x) const override {
    require_inputs(kind(), x, 1);
    if (x[0].rank() != 3) require_rank(kind(), x[0], 2, "N×features or N×T×features");
    if (x[0][-1] != in_)
      throw Error(ErrorKind::bad_input, "[linear] x is ", x[0], ", but weight ", Shape{out_, in_}, " expects ",
                  in_, " features");
    return x[0].with(x[0].rank() - 1, out_);
  }

  Work work(std::span<const Shape> x, const Tensor*, bool backward) const override {
    const std::int64_t operations = 2 * x[0].numel() * out_;
    if (x[0].rank() == 3) return {"gemm", operations, operations};
    return {backward ? "sums of rows" : "dot products", operations, operations};
  }

  void forward(const ForwardArgs& a) const override {
    dispatch(a.context, a.y[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      k.linear_forward(a.context, params(a.y[0]->shape()), a.x[0]->data<T>(), a.w[0]->data<T>(),
                       has_bias_ ? a.w[1]->data<T>() : nullptr, a.y[0]->data<T>());
    });
  }

  void backward(const BackwardArgs& a) const override {
    const LinearParams p = params(a.dy[0]->shape());
    if (is_lrp(a.rule)) return relevance_backward(a, p);
    dispatch(a.context, a.dy[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      const T* dy = a.dy[0]->data<T>();
      if (a.dx[0]) k.linear_backward_data(a.context, p, dy, a.w[0]->data<T>(), a.dx[0]->data<T>());
      if (a.dw.size() > 0 && a.dw[0])
        k.linear_backward_filter(a.context, p, a.x[0]->data<T>(), dy, a.dw[0]->data<T>());
      if (a.dw.size() > 1 && a.dw[1]) k.linear_backward_bias(a.context, p, dy, a.dw[1]->data<T>());
    });
  }

 private:
  void relevance_backward(const BackwardArgs& a, const LinearParams& p) const {
    backlight::relevance_backward(kind(), a,
                                  {.forward =
                                       [&](const Tensor& x, const Tensor& w, const Tensor* bias, Tensor& y) {
                                         dispatch(a.context, y.dtype(), [&]<class T>(const Kernels<T>& k) {
                                           k.linear_forward(a.context, p, x.data<T>(), w.data<T>(),
                                                            bias ? bias->data<T>() : nullptr, y.data<T>());
                                         });
                                       },
                                   .backward =
                                       [&](const Tensor& dy, const Tensor& w, Tensor& dx) {
                                         dispatch(a.context, dx.dtype(), [&]<class T>(const Kernels<T>& k) {
                                           k.linear_backward_data(a.context, p, dy.data<T>(), w.data<T>(),
                                                                  dx.data<T>());
                                         });
                                       }});
  }
  LinearParams params(const Shape& y) const {
    return {.batch = y.numel() / out_, .in = in_, .out = out_, .words = y.rank() == 3};
  }

  std::int64_t in_, out_;
  bool has_bias_;
};

}  // namespace

std::unique_ptr<Layer> linear(std::int64_t in, std::int64_t out, bool bias) {
  return std::make_unique<Linear>(in, out, bias);
}

}  // namespace backlight
