#include "kernels/pool/pool_layer.hpp"

#include <limits>

#include "kernels/dispatch.hpp"

namespace backlight {
namespace {

/// Output positions along one axis.
std::int64_t output_extent(std::int64_t size, std::int64_t kernel, std::int64_t stride, std::int64_t pad,
                           std::int64_t dilation, bool ceil_mode) {
  // Where a window may reach over the right edge, one that is larger than the whole input may, too.
  const std::int64_t room = size + 2 * pad - dilation * (kernel - 1) - 1 + (ceil_mode ? stride - 1 : 0);
  if (room < 0) return 0;
  std::int64_t outputs = room / stride + 1;
  if (ceil_mode && (outputs - 1) * stride >= size + pad) --outputs;
  return outputs;
}

class Pool2d : public Layer {
 public:
  Pool2d(OpKind kind, const Pool2dOptions& options) : kind_(kind), options_(options) {
    if (options_.stride == Extent2d(0)) options_.stride = options_.kernel;
    const auto& [kernel, stride, padding, dilation, ceil_mode, include] = options_;
    for (const Extent2d e : {kernel, stride, dilation})
      if (!e.within(1, kLargestExtent))
        throw Error(ErrorKind::usage, "[", kind_, "] kernel ", kernel, ", stride ", stride, ", dilation ",
                    dilation, ": expected numbers from 1 to ", kLargestExtent);
    if (padding.h < 0 || padding.w < 0 || 2 * padding.h > kernel.h || 2 * padding.w > kernel.w)
      throw Error(ErrorKind::usage, "[", kind_, "] padding is ", padding,
                  ", expected at most half of the kernel of ", kernel);
  }

  OpKind kind() const override { return kind_; }

  std::vector<Attribute> attributes() const override {
    return {{"kernel", options_.kernel},
            {"stride", options_.stride},
            {"padding", options_.padding, Extent2d(0)},
            {"dilation", options_.dilation, Extent2d(1)},
            {"ceil_mode", options_.ceil_mode, false}};
  }

  Shape output_shape(std::span<const Shape> x) const override {
    require_inputs(kind_, x, 1);
    require_rank(kind_, x[0], 4, "N×C×H×W");
    const std::int64_t h = output_extent(x[0][2], options_.kernel.h, options_.stride.h, options_.padding.h,
                                         options_.dilation.h, options_.ceil_mode);
    const std::int64_t w = output_extent(x[0][3], options_.kernel.w, options_.stride.w, options_.padding.w,
                                         options_.dilation.w, options_.ceil_mode);
    if (h < 1 || w < 1)
      throw Error(ErrorKind::bad_input, "[", kind_, "] x is ", x[0], ", smaller than the window of ",
                  options_.kernel, " with padding ", options_.padding, " and dilation ", options_.dilation);
    if (x[0][2] * x[0][3] > std::numeric_limits<std::int32_t>::max())
      throw Error(ErrorKind::unsupported, "[", kind_, "] x is ", x[0], ", more than 2^31 elements a plane");
    return x[0].with(2, h).with(3, w);
  }

 protected:
  const Pool2dOptions& options() const { return options_; }

  Pool2dParams params(const Shape& x, const Shape& y) const {
    return {.planes = x[0] * x[1],
            .in_height = x[2],
            .in_width = x[3],
            .out_height = y[2],
            .out_width = y[3],
            .kernel_height = options_.kernel.h,
            .kernel_width = options_.kernel.w,
            .stride_height = options_.stride.h,
            .stride_width = options_.stride.w,
            .pad_height = options_.padding.h,
            .pad_width = options_.padding.w,
            .dilation_height = options_.dilation.h,
            .dilation_width = options_.dilation.w,
            .count_include_pad = options_.count_include_pad};
  }

 private:
  OpKind kind_;
  Pool2dOptions options_;
};

class MaxPool2d final : public Pool2d {
 public:
  explicit MaxPool2d(const Pool2dOptions& options) : Pool2d(OpKind::max_pool2d, options) {}
  Needs needs(bool) const override { return {}; }
  /// Every window has a maximum: one whose taps lie apart could have all of them in the padding.
  bool keeps_sums() const override {
    return options().dilation == Extent2d(1) || options().padding == Extent2d(0);
  }

  void forward(const ForwardArgs& a) const override {
    std::int32_t* argmax = nullptr;
    if (a.saved) {
      a.saved->indices = a.context.empty(a.y[0]->shape(), DType::i32);
      argmax = a.saved->indices.data<std::int32_t>();
    }
    dispatch(a.context, a.y[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      k.max_pool2d_forward(a.context, params(a.x[0]->shape(), a.y[0]->shape()), a.x[0]->data<T>(), a.y[0]->data<T>(),
                           argmax);
    });
  }

  void backward(const BackwardArgs& a) const override {
    if (!a.dx[0]) return;
    dispatch(a.context, a.dy[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      k.max_pool2d_backward(a.context, params(a.x_shapes[0], a.dy[0]->shape()),
                            a.saved.indices.data<std::int32_t>(), a.dy[0]->data<T>(), a.dx[0]->data<T>());
    });
    if (a.rule == BackwardRule::rescale) rescale_backward(a);
  }

 private:
  /// Of the maximum y and its reference y′, max(y, y′) − y′ is given to the place of y, y − max(y, y′) to that of y′: the
  /// difference, all of it. The gradient is in dx.
  void rescale_backward(const BackwardArgs& a) const {
    const Tensor &x = *a.x[0], &y = *a.y[0], &dy = *a.dy[0];
    Tensor parts = a.context.empty(y.shape(), y.dtype()), given = a.context.empty(x.shape(), x.dtype());
    dispatch(a.context, x.dtype(), [&]<class T>(const Kernels<T>& k) {
      const std::int64_t outputs = y.numel() / 2, inputs = x.numel() / 2;
      const T *at = y.data<T>(), *reference = at + outputs;
      k.difference_part(a.context, outputs, {1, 0}, at, reference, dy.data<T>(), parts.data<T>());
      k.difference_part(a.context, outputs, {0, 1}, at, reference, dy.data<T>(), parts.data<T>() + outputs);
      k.max_pool2d_backward(a.context, params(x.shape(), y.shape()), a.saved.indices.data<std::int32_t>(),
                            parts.data<T>(), given.data<T>());
      T *const to = given.data<T>(), *const dx = a.dx[0]->data<T>();
      k.add_forward(a.context, inputs, to, to + inputs, to);
      k.over_difference(a.context, inputs, x.data<T>(), x.data<T>() + inputs, to, dx, dx);
    });
  }
};

class AvgPool2d final : public Pool2d {
 public:
  explicit AvgPool2d(const Pool2dOptions& options) : Pool2d(OpKind::avg_pool2d, options) {
    if (options.dilation != Extent2d(1))
      throw Error(ErrorKind::usage, "[avg_pool2d] dilation is ", options.dilation, ", expected 1×1");
  }
  Needs needs(bool) const override { return {}; }
  /// What falls on padding is lost.
  bool keeps_sums() const override {
    return options().padding == Extent2d(0) || !options().count_include_pad;
  }

  std::vector<Attribute> attributes() const override {
    std::vector<Attribute> all = Pool2d::attributes();
    all.push_back({"count_include_pad", options().count_include_pad, true});
    return all;
  }

  void forward(const ForwardArgs& a) const override {
    dispatch(a.context, a.y[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      k.avg_pool2d_forward(a.context, params(a.x[0]->shape(), a.y[0]->shape()), a.x[0]->data<T>(), a.y[0]->data<T>());
    });
  }

  void backward(const BackwardArgs& a) const override {
    if (!a.dx[0]) return;
    dispatch(a.context, a.dy[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      k.avg_pool2d_backward(a.context, params(a.x_shapes[0], a.dy[0]->shape()), a.dy[0]->data<T>(),
                            a.dx[0]->data<T>());
    });
  }
};

class AdaptiveAvgPool2d final : public Layer {
 public:
  explicit AdaptiveAvgPool2d(Extent2d output) : output_(output) {
    if (output.h < 1 || output.w < 1)
      throw Error(ErrorKind::usage, "[adaptive_avg_pool2d] output is ", output, ", expected at least 1×1");
  }

  OpKind kind() const override { return OpKind::adaptive_avg_pool2d; }
  std::vector<Attribute> attributes() const override { return {{"output", output_}}; }
  Needs needs(bool) const override { return {}; }
  bool keeps_sums() const override { return true; }

  Shape output_shape(std::span<const Shape> x) const override {
    require_inputs(kind(), x, 1);
    require_rank(kind(), x[0], 4, "N×C×H×W");
    return x[0].with(2, output_.h).with(3, output_.w);
  }

  void forward(const ForwardArgs& a) const override {
    dispatch(a.context, a.y[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      k.adaptive_avg_pool2d_forward(a.context, params(a.x[0]->shape()), a.x[0]->data<T>(), a.y[0]->data<T>());
    });
  }

  void backward(const BackwardArgs& a) const override {
    if (!a.dx[0]) return;
    dispatch(a.context, a.dy[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      k.adaptive_avg_pool2d_backward(a.context, params(a.x_shapes[0]), a.dy[0]->data<T>(), a.dx[0]->data<T>());
    });
  }

 private:
  Pool2dParams params(const Shape& x) const {
    return {.planes = x[0] * x[1],
            .in_height = x[2],
            .in_width = x[3],
            .out_height = output_.h,
            .out_width = output_.w};
  }

  Extent2d output_;
};

}  // namespace

std::unique_ptr<Layer> max_pool2d(const Pool2dOptions& options) {
  return std::make_unique<MaxPool2d>(options);
}
std::unique_ptr<Layer> avg_pool2d(const Pool2dOptions& options) {
  return std::make_unique<AvgPool2d>(options);
}
std::unique_ptr<Layer> adaptive_avg_pool2d(Extent2d output) {
  return std::make_unique<AdaptiveAvgPool2d>(output);
}

}  // namespace backlight
