#include "kernels/matmul/matmul_layer.hpp"

#include "kernels/dispatch.hpp"

namespace backlight {
namespace {

class Matmul final : public Layer {
 public:
  Matmul(bool transpose_a, bool transpose_b) : transpose_a_(transpose_a), transpose_b_(transpose_b) {}

  OpKind kind() const override { return OpKind::matmul; }
  std::vector<Attribute> attributes() const override {
    return {{"transpose_a", transpose_a_, false}, {"transpose_b", transpose_b_, false}};
  }
  Needs needs(bool) const override { return {.inputs = true}; }

  Shape output_shape(std::span<const Shape> x) const override {
    require_inputs(kind(), x, 2);
    for (const Shape& shape : x) require_rank(kind(), shape, 3, "N×rows×columns");
    const MatmulParams p = params(x[0], x[1]);
    if (x[0][0] != x[1][0] || p.k != x[1][transpose_b_ ? 2 : 1] || p.k < 1)
      throw Error(ErrorKind::bad_input, "[matmul] x[0] is ", x[0], transpose_a_ ? ", transposed," : ",",
                  " x[1] is ", x[1], transpose_b_ ? ", transposed" : "", ": expected N×m×k and N×k×n");
    return {p.batch, p.m, p.n};
  }

  void forward(const ForwardArgs& a) const override {
    dispatch(a.context, a.y[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      k.matmul(a.context, params(a.x[0]->shape(), a.x[1]->shape()), a.x[0]->data<T>(), a.x[1]->data<T>(),
               a.y[0]->data<T>());
    });
  }

  void backward(const BackwardArgs& a) const override {
    const MatmulParams p = params(a.x_shapes[0], a.x_shapes[1]);
    dispatch(a.context, a.dy[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      const T *x0 = a.x[0]->data<T>(), *x1 = a.x[1]->data<T>(), *dy = a.dy[0]->data<T>();
      if (a.dx[0] && transpose_a_)  // op(b)·dyᵀ
        k.matmul(a.context, {p.batch, p.k, p.m, p.n, transpose_b_, true}, x1, dy, a.dx[0]->data<T>());
      else if (a.dx[0])  // dy·op(b)ᵀ
        k.matmul(a.context, {p.batch, p.m, p.k, p.n, false, !transpose_b_}, dy, x1, a.dx[0]->data<T>());
      if (a.dx[1] && transpose_b_)  // dyᵀ·op(a)
        k.matmul(a.context, {p.batch, p.n, p.k, p.m, true, transpose_a_}, dy, x0, a.dx[1]->data<T>());
      else if (a.dx[1])  // op(a)ᵀ·dy
        k.matmul(a.context, {p.batch, p.k, p.n, p.m, !transpose_a_, false}, x0, dy, a.dx[1]->data<T>());
    });
  }

 private:
  MatmulParams params(const Shape& a, const Shape& b) const {
    return {.batch = a[0],
            .m = a[transpose_a_ ? 2 : 1],
            .n = b[transpose_b_ ? 1 : 2],
            .k = a[transpose_a_ ? 1 : 2],
            .transpose_a = transpose_a_,
            .transpose_b = transpose_b_};
  }

  bool transpose_a_, transpose_b_;
};

}  // namespace

std::unique_ptr<Layer> matmul(bool transpose_a, bool transpose_b) {
  return std::make_unique<Matmul>(transpose_a, transpose_b);
}

}  // namespace backlight
