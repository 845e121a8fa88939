#include "kernels/batch_norm/batch_norm_layer.hpp"

#include "kernels/dispatch.hpp"

namespace backlight {
namespace {

class BatchNorm final : public Layer {
 public:
  /// `places`: how many dimensions follow the channels.
  BatchNorm(OpKind kind, int places, std::int64_t channels, double eps, double momentum)
      : kind_(kind), places_(places), channels_(channels), eps_(eps), momentum_(momentum) {
    if (channels < 1)
      throw Error(ErrorKind::usage, "[", kind_, "] channels is ", channels, ", expected 1 or more");
  }

  OpKind kind() const override { return kind_; }
  std::vector<ParameterSpec> parameters() const override {
    const Shape shape{channels_};
    return {{"weight", shape, true, 1},
            {"bias", shape},
            {"running_mean", shape, false},
            {"running_var", shape, false, 1}};
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
    if (x[0][1] != channels_)
      throw Error(ErrorKind::bad_input, "[", kind_, "] x is ", x[0], ", weight expects C=", channels_);
    return x[0];
  }

  void forward(const ForwardArgs& a) const override {
    const Shape& shape = a.y[0]->shape();
    dispatch(a.context, a.y[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      const T* mean = a.w[kMean]->data<T>();
      const T* variance = a.w[kVariance]->data<T>();
      Tensor batch_mean, batch_variance, unbiased;
      if (a.mode.training) {
        if (shape.numel() / shape[1] < 2)
          throw Error(ErrorKind::bad_input, "[", kind_, "] x is ", shape,
                      ", training needs more than one value per channel");
        for (Tensor* observed : {&batch_mean, &batch_variance, &unbiased})
          *observed = a.context.empty({shape[1]}, a.y[0]->dtype());
        k.batch_norm_statistics(a.context, params(shape, a.mode), a.x[0]->data<T>(), batch_mean.data<T>(),
                                batch_variance.data<T>(), unbiased.data<T>());
        mean = batch_mean.data<T>();
        variance = batch_variance.data<T>();
      }
      k.batch_norm_fused_forward(a.context, params(shape, a.mode), a.x[0]->data<T>(), a.w[kWeight]->data<T>(),
                                 a.w[kBias]->data<T>(), mean, variance, epilogue_as<T>(a.epilogue), a.y[0]->data<T>());
      if (a.saved && a.mode.training)
        for (Tensor* observed : {&batch_mean, &batch_variance, &unbiased})
          a.saved->statistics.push_back(std::move(*observed));
    });
  }

  void backward(const BackwardArgs& a) const override {
    dispatch(a.context, a.dy[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      const Tensor& mean = a.mode.training ? a.saved.statistics.at(0) : *a.w[kMean];
      const Tensor& variance = a.mode.training ? a.saved.statistics.at(1) : *a.w[kVariance];
      const auto pointer = [](std::span<Tensor* const> tensors, std::size_t i) {
        return i < tensors.size() && tensors[i] ? tensors[i]->data<T>() : nullptr;
      };
      k.batch_norm_backward(a.context, params(a.dy[0]->shape(), a.mode), a.x[0] ? a.x[0]->data<T>() : nullptr,
                            a.w[kWeight]->data<T>(), mean.data<T>(), variance.data<T>(), a.dy[0]->data<T>(),
                            pointer(a.dx, 0), pointer(a.dw, 0), pointer(a.dw, 1));
    });
  }

  void update_statistics(Context& context, const Saved& saved, std::span<Tensor* const> w) const override {
    dispatch(context, w[kMean]->dtype(), [&]<class T>(const Kernels<T>& k) {
      k.batch_norm_update_running(context, channels_, momentum_, saved.statistics.at(0).data<T>(),
                                  saved.statistics.at(2).data<T>(), w[kMean]->data<T>(),
                                  w[kVariance]->data<T>());
    });
  }

 private:
  BatchNormParams params(const Shape& x, const Mode& mode) const {
    const std::int64_t plane = places_ == 2 ? x[2] * x[3] : 1;
    return {.batch = x[0], .channels = x[1], .plane = plane, .eps = eps_, .training = mode.training};
  }

  /// Positions in parameters().
  enum : std::size_t { kWeight, kBias, kMean, kVariance };

  OpKind kind_;
  int places_;
  std::int64_t channels_;
  double eps_, momentum_;
};

}  // namespace

std::unique_ptr<Layer> batch_norm2d(std::int64_t channels, double eps, double momentum) {
  return std::make_unique<BatchNorm>(OpKind::batch_norm2d, 2, channels, eps, momentum);
}

std::unique_ptr<Layer> batch_norm1d(std::int64_t channels, double eps, double momentum) {
  return std::make_unique<BatchNorm>(OpKind::batch_norm1d, 0, channels, eps, momentum);
}

}  // namespace backlight
