#include "kernels/embedding/embedding_layer.hpp"

#include "kernels/dispatch.hpp"

namespace backlight {
namespace {

class Embedding final : public Layer {
 public:
  Embedding(std::int64_t rows, std::int64_t width, std::optional<std::int64_t> padding)
      : rows_(rows), width_(width), padding_(padding.value_or(-1)) {
    if (rows < 1 || width < 1)
      throw Error(ErrorKind::usage, "[embedding] ", rows, " rows of ", width,
                  " were asked for, both must be positive");
    if (padding && (*padding < 0 || *padding >= rows))
      throw Error(ErrorKind::usage, "[embedding] padding is ", *padding, ", expected an id from 0 to ",
                  rows - 1);
  }

  OpKind kind() const override { return OpKind::embedding; }
  std::vector<ParameterSpec> parameters() const override { return {{"weight", {rows_, width_}}}; }
  std::vector<Attribute> attributes() const override { return {{"padding", padding_, std::int64_t{-1}}}; }
  Needs needs(bool parameter_gradients) const override { return {.inputs = parameter_gradients}; }

  std::vector<TensorType> infer(std::span<const TensorType> x, DType computed) const override {
    require_inputs(kind(), x, 1);
    require_dtype(kind(), x, 0, DType::i32);
    require_rank(kind(), x[0].shape, 2, "N×T");
    return {{computed, {x[0].shape[0], x[0].shape[1], width_}}};
  }

  void forward(const ForwardArgs& a) const override {
    dispatch(a.context, a.y[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      k.embedding_forward(a.context, params(*a.x[0]), a.x[0]->data<std::int32_t>(), a.w[0]->data<T>(),
                          a.y[0]->data<T>());
    });
  }

  void backward(const BackwardArgs& a) const override {
    if (a.dw.empty() || !a.dw[0]) return;
    dispatch(a.context, a.dy[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      k.embedding_backward(a.context, params(*a.x[0]), a.x[0]->data<std::int32_t>(), a.dy[0]->data<T>(),
                           a.dw[0]->data<T>());
    });
  }

 private:
  EmbeddingParams params(const Tensor& ids) const {
    return {.tokens = ids.numel(), .rows = rows_, .width = width_, .padding = padding_};
  }

  std::int64_t rows_, width_, padding_;
};

}  // namespace

std::unique_ptr<Layer> embedding(std::int64_t rows, std::int64_t width, std::optional<std::int64_t> padding) {
  return std::make_unique<Embedding>(rows, width, padding);
}

}  // namespace backlight
