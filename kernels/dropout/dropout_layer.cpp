#include "kernels/dropout/dropout_layer.hpp"

#include "kernels/dispatch.hpp"

namespace backlight {
namespace {

class Dropout final : public Layer {
 public:
  explicit Dropout(double p) : p_(p) {
    if (!(p >= 0 && p <= 1)) throw Error(ErrorKind::usage, "[dropout] p is ", p, ", expected 0 to 1");
  }

  OpKind kind() const override { return OpKind::dropout; }
  std::vector<Attribute> attributes() const override { return {{"p", p_}}; }
  Needs needs(bool) const override { return {}; }
  bool in_place() const override { return true; }
  bool keeps_sums() const override { return true; }

  Shape output_shape(std::span<const Shape> x) const override {
    require_inputs(kind(), x, 1);
    return x[0];
  }

  void forward(const ForwardArgs& a) const override { apply(a.context, a.mode, *a.x[0], *a.y[0]); }

  void backward(const BackwardArgs& a) const override {
    if (a.dx[0]) apply(a.context, a.mode, *a.dy[0], *a.dx[0]);
  }

 private:
  void apply(Context& context, const Mode& mode, const Tensor& x, Tensor& y) const {
    if (!mode.training && &x == &y) return;
    dispatch(context, y.dtype(), [&]<class T>(const Kernels<T>& k) {
      if (mode.training)
        k.dropout(context, {y.numel(), p_, mode.seed}, x.data<T>(), y.data<T>());
      else
        k.copy_rows(context, {.count = y.numel()}, x.data<T>(), y.data<T>());
    });
  }

  double p_;
};

}  // namespace

std::unique_ptr<Layer> dropout(double p) { return std::make_unique<Dropout>(p); }

}  // namespace backlight
