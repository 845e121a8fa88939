#include "kernels/batch_norm/batch_norm_layer.hpp"

#include "kernels/dispatch.hpp"

namespace backlight {
namespace {

class BatchNorm final : public Layer {
 public:
  /// `places`: how many dimensions follow the channels.
  BatchNorm(std::string_view kind, int places, std::int64_t channels, double eps, double momentum)
      : kind_(kind), places_(places), eps_(eps), momentum_(momentum) {
    if (channels < 1)
      throw Error(ErrorKind::usage, "[", kind_, "] channels is ", channels, ", expected 1 or more");
    weight_ = Tensor::zeros({channels});
    weight_.fill(1);
    bias_ = Tensor::zeros({channels});
    running_mean_ = Tensor::zeros({channels});
    running_var_ = weight_.clone();
  }

  std::string_view kind() const override { return kind_; }
  std::vector<Parameter> parameters() override {
    return {{"weight", &weight_},
            {"bias", &bias_},
            {"running_mean", &running_mean_, false},
            {"running_var", &running_var_, false}};
  }
  std::vector<Attribute> attributes() const override {
    return {{"eps", eps_, kBatchNormEps}, {"momentum", momentum_, kBatchNormMomentum}};
  }
  Needs needs(bool parameter_gradients) const override { return {.inputs = parameter_gradients}; }
  bool in_place() const override { return true; }
  bool takes_epilogue() const override { return true; }

  Shape output_shape(std::span<const Shape> x) const override {
    require_inputs(kind(), x, 1);
    require_rank(kind(), x[0], 2 + places_, places_ == 2 ? "N×C×H×W" : "N×C");
    if (x[0][1] != weight_.numel())
      throw Error(ErrorKind::bad_input, "[", kind_, "] x is ", x[0], ", weight expects C=", weight_.numel());
    return x[0];
  }

  void forward(const ForwardArgs& a) const override {
    const Shape& shape = a.y.shape();
    dispatch(a.context, a.y.dtype(), [&]<class T>(const Kernels<T>& k) {
      const T* mean = running_mean_.data<T>();
      const T* variance = running_var_.data<T>();
      Tensor batch_mean, batch_variance, unbiased;
      if (a.mode.training) {
        if (shape.numel() / shape[1] < 2)
          throw Error(ErrorKind::bad_input, "[", kind_, "] x is ", shape,
                      ", training needs more than one value per channel");
        for (Tensor* observed : {&batch_mean, &batch_variance, &unbiased})
          *observed = a.context.empty({shape[1]}, a.y.dtype());
        k.batch_norm_statistics(a.context, params(shape, a.mode), a.x[0]->data<T>(), batch_mean.data<T>(),
                                batch_variance.data<T>(), unbiased.data<T>());
        mean = batch_mean.data<T>();
        variance = batch_variance.data<T>();
      }
      k.batch_norm_fused_forward(a.context, params(shape, a.mode), a.x[0]->data<T>(), weight_.data<T>(),
                                 bias_.data<T>(), mean, variance, epilogue_as<T>(a.epilogue), a.y.data<T>());
      if (a.saved && a.mode.training)
        for (Tensor* observed : {&batch_mean, &batch_variance, &unbiased})
          a.saved->statistics.push_back(std::move(*observed));
    });
  }

  void backward(const BackwardArgs& a) const override {
    dispatch(a.context, a.dy.dtype(), [&]<class T>(const Kernels<T>& k) {
      const Tensor& mean = a.mode.training ? a.saved.statistics.at(0) : running_mean_;
      const Tensor& variance = a.mode.training ? a.saved.statistics.at(1) : running_var_;
      const auto pointer = [](std::span<Tensor* const> tensors, std::size_t i) {
        return i < tensors.size() && tensors[i] ? tensors[i]->data<T>() : nullptr;
      };
      k.batch_norm_backward(a.context, params(a.dy.shape(), a.mode), a.x[0] ? a.x[0]->data<T>() : nullptr,
                            weight_.data<T>(), mean.data<T>(), variance.data<T>(), a.dy.data<T>(),
                            pointer(a.dx, 0), pointer(a.dw, 0), pointer(a.dw, 1));
    });
  }

  void update_statistics(Context& context, const Saved& saved) override {
    if (saved.statistics.empty()) return;
    dispatch(context, running_mean_.dtype(), [&]<class T>(const Kernels<T>& k) {
      k.batch_norm_update_running(context, running_mean_.numel(), momentum_, saved.statistics.at(0).data<T>(),
                                  saved.statistics.at(2).data<T>(), running_mean_.data<T>(),
                                  running_var_.data<T>());
    });
  }

 private:
  BatchNormParams params(const Shape& x, const Mode& mode) const {
    const std::int64_t plane = places_ == 2 ? x[2] * x[3] : 1;
    return {.batch = x[0], .channels = x[1], .plane = plane, .eps = eps_, .training = mode.training};
  }

  std::string_view kind_;
  int places_;
  Tensor weight_, bias_, running_mean_, running_var_;
  double eps_, momentum_;
};

}  // namespace

std::unique_ptr<Layer> batch_norm2d(std::int64_t channels, double eps, double momentum) {
  return std::make_unique<BatchNorm>("batch_norm2d", 2, channels, eps, momentum);
}

std::unique_ptr<Layer> batch_norm1d(std::int64_t channels, double eps, double momentum) {
  return std::make_unique<BatchNorm>("batch_norm1d", 0, channels, eps, momentum);
}

}  // namespace backlight
