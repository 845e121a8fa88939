#include "kernels/conv2d/conv2d_layer.hpp"

#include <algorithm>

#include "kernels/conv2d/winograd.hpp"
#include "kernels/dispatch.hpp"
#include "kernels/relevance/relevance_layer.hpp"

namespace backlight {
namespace {

class Conv2d final : public Layer {
 public:
  Conv2d(std::int64_t in, std::int64_t out, const Conv2dOptions& options) : in_(in), out_(out), o_(options) {
    if (in < 1 || out < 1)
      throw Error(ErrorKind::usage, "[conv2d] ", in, " input and ", out,
                  " output channels were asked for, expected 1 or more");
    for (const Extent2d& e : {o_.kernel, o_.stride, o_.dilation})
      if (!e.within(1, kLargestExtent))
        throw Error(ErrorKind::usage, "[conv2d] kernel ", o_.kernel, ", stride ", o_.stride, ", dilation ",
                    o_.dilation, ": expected numbers from 1 to ", kLargestExtent);
    const auto [least, most] =
        std::minmax({o_.padding.top, o_.padding.bottom, o_.padding.left, o_.padding.right});
    if (least < 0 || most > kLargestExtent)
      throw Error(ErrorKind::usage, "[conv2d] padding (top, bottom, left, right) is ", o_.padding,
                  ", expected numbers from 0 to ", kLargestExtent);
    if (o_.same && o_.padding != Padding2d(0))
      throw Error(ErrorKind::usage, "[conv2d] SAME padding excludes an explicit one");
    if (o_.groups < 1 || in % o_.groups || out % o_.groups)
      throw Error(ErrorKind::usage, "[conv2d] ", in, " input and ", out,
                  " output channels were asked for with ", o_.groups, " groups, which must divide both");
  }

  OpKind kind() const override { return OpKind::conv2d; }
  Needs needs(bool parameter_gradients) const override { return {.inputs = parameter_gradients}; }

  bool takes_epilogue() const override { return true; }

  std::vector<ParameterSpec> parameters() const override {
    std::vector<ParameterSpec> all{{"weight", weight_shape()}};
    if (o_.bias) all.push_back({"bias", {out_}});
    return all;
  }

  std::vector<Attribute> attributes() const override {
    const Conv2dOptions usual;
    return {{"kernel", o_.kernel},
            {"stride", o_.stride, usual.stride},
            {"dilation", o_.dilation, usual.dilation},
            {"padding", o_.padding, usual.padding},
            {"same", o_.same, usual.same},
            {"groups", o_.groups, usual.groups}};
  }

  Shape output_shape(std::span<const Shape> x) const override {
    require_inputs(kind(), x, 1);
    require_rank(kind(), x[0], 4, "N×C×H×W");
    if (x[0][1] != in_)
      throw Error(ErrorKind::bad_input, "[conv2d] x is ", x[0], ", but weight ", weight_shape(), " with ",
                  o_.groups, o_.groups == 1 ? " group" : " groups", " expects C=", in_);
    const Axis vertical = vertical_axis(x[0][2]), horizontal = horizontal_axis(x[0][3]);
    if (vertical.out < 1 || horizontal.out < 1)
      throw Error(ErrorKind::bad_input, "[conv2d] x is ", x[0], ", too small for the kernel ", o_.kernel.h,
                  "×", o_.kernel.w, " at dilation ", o_.dilation.h, "×", o_.dilation.w);
    return {x[0][0], out_, vertical.out, horizontal.out};
  }

  Tensor pack(const PackArgs& a) const override {
    Tensor packed;
    dispatch(a.context, a.w[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      packed = k.conv2d_pack(a.context, params(a.x_shapes[0]), a.w[0]->data<T>(), a.winograd);
    });
    return packed;
  }
  Tensor pack_backward(const PackArgs& a) const override {
    Tensor packed;
    dispatch(a.context, a.w[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      packed = k.conv2d_pack_gradient(a.context, params(a.x_shapes[0]), a.w[0]->data<T>(), a.winograd);
    });
    return packed;
  }

  Work work(std::span<const Shape> x, const Tensor* packed, bool backward) const override {
    const Conv2dParams p = backward ? gradient_params(params(x[0])) : params(x[0]);
    const cpu::Conv2dKernel kernel = cpu::conv2d_kernel(p, packed);
    const std::int64_t operations = cuda::conv2d_cost(params(x[0])).flops;
    const bool fewer =
        kernel == cpu::Conv2dKernel::winograd_4x4 || kernel == cpu::Conv2dKernel::winograd_2x2;
    return {cpu::name_of(kernel), operations, fewer ? cpu::winograd_operations(p) : operations};
  }

  void forward(const ForwardArgs& a) const override {
    dispatch(a.context, a.y[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      k.conv2d_fused_forward(a.context, params(a.x[0]->shape()), a.x[0]->data<T>(), a.w[0]->data<T>(),
                             a.packed, o_.bias ? a.w[1]->data<T>() : nullptr, epilogue_as<T>(a.epilogue),
                             a.y[0]->data<T>());
    });
  }

  void backward(const BackwardArgs& a) const override {
    const Conv2dParams p = params(a.x_shapes[0]);
    if (is_lrp(a.rule)) return relevance_backward(a, p);
    dispatch(a.context, a.dy[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      const T* dy = a.dy[0]->data<T>();
      if (a.dx[0] && a.packed)
        k.conv2d_fused_forward(a.context, gradient_params(p), dy, nullptr, a.packed, nullptr, {},
                               a.dx[0]->data<T>());
      else if (a.dx[0])
        k.conv2d_backward_data(a.context, p, dy, a.w[0]->data<T>(), a.dx[0]->data<T>());
      if (a.dw.size() > 0 && a.dw[0])
        k.conv2d_backward_filter(a.context, p, a.x[0]->data<T>(), dy, a.dw[0]->data<T>());
      if (a.dw.size() > 1 && a.dw[1]) k.conv2d_backward_bias(a.context, p, dy, a.dw[1]->data<T>());
    });
  }

  void relevance_backward(const BackwardArgs& a, const Conv2dParams& p) const {
    backlight::relevance_backward(kind(), a,
                                  {.forward =
                                       [&](const Tensor& x, const Tensor& w, const Tensor* bias, Tensor& y) {
                                         dispatch(a.context, y.dtype(), [&]<class T>(const Kernels<T>& k) {
                                           k.conv2d_forward(a.context, p, x.data<T>(), w.data<T>(),
                                                            bias ? bias->data<T>() : nullptr, y.data<T>());
                                         });
                                       },
                                   .backward =
                                       [&](const Tensor& dy, const Tensor& w, Tensor& dx) {
                                         dispatch(a.context, dx.dtype(), [&]<class T>(const Kernels<T>& k) {
                                           k.conv2d_backward_data(a.context, p, dy.data<T>(), w.data<T>(),
                                                                  dx.data<T>());
                                         });
                                       }});
  }

  Conv2dParams params(const Shape& x) const {
    const Axis vertical = vertical_axis(x[2]), horizontal = horizontal_axis(x[3]);
    return {.batch = x[0],
            .in_channels = in_,
            .in_height = x[2],
            .in_width = x[3],
            .out_channels = out_,
            .out_height = vertical.out,
            .out_width = horizontal.out,
            .kernel_height = o_.kernel.h,
            .kernel_width = o_.kernel.w,
            .stride_height = o_.stride.h,
            .stride_width = o_.stride.w,
            .dilation_height = o_.dilation.h,
            .dilation_width = o_.dilation.w,
            .pad_top = vertical.pad_before,
            .pad_left = horizontal.pad_before,
            .groups = o_.groups};
  }

  std::unique_ptr<Layer> with_bias() const {
    Conv2dOptions options = o_;
    options.bias = true;
    return std::make_unique<Conv2d>(in_, out_, options);
  }

  bool is_pointwise() const {
    return o_.kernel == Extent2d(1) && o_.stride == Extent2d(1) && o_.padding == Padding2d(0) &&
           o_.groups == 1;
  }

 private:
  struct Axis {
    std::int64_t pad_before, out;
  };

  Shape weight_shape() const { return {out_, in_ / o_.groups, o_.kernel.h, o_.kernel.w}; }
  Axis vertical_axis(std::int64_t extent) const {
    return axis(extent, o_.kernel.h, o_.stride.h, o_.dilation.h, o_.padding.top, o_.padding.bottom);
  }
  Axis horizontal_axis(std::int64_t extent) const {
    return axis(extent, o_.kernel.w, o_.stride.w, o_.dilation.w, o_.padding.left, o_.padding.right);
  }
  Axis axis(std::int64_t extent, std::int64_t kernel, std::int64_t stride, std::int64_t dilation,
            std::int64_t before, std::int64_t after) const {
    const std::int64_t span = (kernel - 1) * dilation + 1;
    if (o_.same) {
      const std::int64_t out = (extent + stride - 1) / stride;
      const std::int64_t total = std::max<std::int64_t>((out - 1) * stride + span - extent, 0);
      return {total / 2, out};
    }
    const std::int64_t room = extent + before + after - span;
    return {before, room < 0 ? 0 : room / stride + 1};
  }

  std::int64_t in_, out_;
  Conv2dOptions o_;
};

}  // namespace

std::unique_ptr<Layer> conv2d(std::int64_t in, std::int64_t out, const Conv2dOptions& options) {
  return std::make_unique<Conv2d>(in, out, options);
}

bool is_pointwise(const Layer& layer) {
  const auto* conv = dynamic_cast<const Conv2d*>(&layer);
  return conv && conv->is_pointwise();
}

std::unique_ptr<Layer> with_bias(const Layer& convolution) {
  const auto* conv = dynamic_cast<const Conv2d*>(&convolution);
  if (!conv) throw Error(ErrorKind::usage, "[", convolution.kind(), "] is no convolution");
  return conv->with_bias();
}

std::optional<Conv2dParams> conv2d_params(const Layer& layer, const Shape& x) {
  const auto* conv = dynamic_cast<const Conv2d*>(&layer);
  return conv ? std::optional(conv->params(x)) : std::nullopt;
}

}  // namespace backlight
