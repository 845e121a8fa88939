#include "kernels/l2_normalize/l2_normalize_layer.hpp"

#include <cmath>

#include "kernels/dispatch.hpp"

namespace backlight {
namespace {

class L2Normalize final : public Layer {
 public:
  L2Normalize(double scale, double eps, bool detached) : scale_(scale), eps_(eps), detached_(detached) {
    if (!(scale > 0) || !(eps > 0) || !std::isfinite(scale) || !std::isfinite(eps))
      throw Error(ErrorKind::usage, "[l2_normalize] scale is ", scale, ", eps is ", eps,
                  ", expected positive numbers");
  }

  OpKind kind() const override { return OpKind::l2_normalize; }
  std::vector<Attribute> attributes() const override {
    return {{"scale", scale_, 1.0}, {"eps", eps_, 1e-12}, {"detached", detached_, false}};
  }
  Needs needs(bool) const override { return {.inputs = true}; }

  Shape output_shape(std::span<const Shape> x) const override {
    require_inputs(kind(), x, 1);
    if (x[0].rank() < 2) throw Error(ErrorKind::bad_input, "[l2_normalize] x is ", x[0], ", expected N×…×D");
    return x[0];
  }

  void forward(const ForwardArgs& a) const override {
    dispatch(a.context, a.y[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      k.l2_normalize_forward(a.context, params(a.y[0]->shape()), a.x[0]->data<T>(), a.y[0]->data<T>());
    });
  }

  void backward(const BackwardArgs& a) const override {
    if (!a.dx[0]) return;
    dispatch(a.context, a.dy[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      k.l2_normalize_backward(a.context, params(a.dy[0]->shape()), a.x[0]->data<T>(), a.dy[0]->data<T>(),
                              a.dx[0]->data<T>());
    });
  }

 private:
  L2NormalizeParams params(const Shape& x) const {
    return {.rows = x[-1] > 0 ? x.numel() / x[-1] : 0,
            .width = x[-1],
            .scale = scale_,
            .eps = eps_,
            .detached = detached_};
  }

  double scale_, eps_;
  bool detached_;
};

}  // namespace

std::unique_ptr<Layer> l2_normalize(double scale, double eps, bool detached) {
  return std::make_unique<L2Normalize>(scale, eps, detached);
}

}  // namespace backlight
