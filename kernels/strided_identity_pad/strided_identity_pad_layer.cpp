#include "kernels/strided_identity_pad/strided_identity_pad_layer.hpp"

#include "kernels/dispatch.hpp"

namespace backlight {
namespace {

class StridedIdentityPad final : public Layer {
 public:
  StridedIdentityPad(std::int64_t out_channels, std::int64_t stride)
      : out_channels_(out_channels), stride_(stride) {
    if (out_channels < 1 || stride < 1)
      throw Error(ErrorKind::usage, "[strided_identity_pad] out_channels is ", out_channels, ", stride is ",
                  stride, ", expected 1 or more");
  }

  OpKind kind() const override { return OpKind::strided_identity_pad; }
  std::vector<Attribute> attributes() const override {
    return {{"out_channels", out_channels_}, {"stride", stride_}};
  }
  Needs needs(bool) const override { return {}; }

  Shape output_shape(std::span<const Shape> x) const override {
    require_inputs(kind(), x, 1);
    require_rank(kind(), x[0], 4, "N×C×H×W");
    if (x[0][1] > out_channels_ || (out_channels_ - x[0][1]) % 2 != 0)
      throw Error(ErrorKind::bad_input, "[strided_identity_pad] x is ", x[0],
                  ", expected at most C=", out_channels_, " and an even number of channels to add");
    return {x[0][0], out_channels_, (x[0][2] - 1) / stride_ + 1, (x[0][3] - 1) / stride_ + 1};
  }

  void forward(const ForwardArgs& a) const override {
    dispatch(a.context, a.y[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      k.strided_identity_pad_forward(a.context, params(a.x[0]->shape(), a.y[0]->shape()), a.x[0]->data<T>(),
                                     a.y[0]->data<T>());
    });
  }

  void backward(const BackwardArgs& a) const override {
    if (!a.dx[0]) return;
    dispatch(a.context, a.dy[0]->dtype(), [&]<class T>(const Kernels<T>& k) {
      k.strided_identity_pad_backward(a.context, params(a.x_shapes[0], a.dy[0]->shape()), a.dy[0]->data<T>(),
                                      a.dx[0]->data<T>());
    });
  }

 private:
  StridedIdentityPadParams params(const Shape& x, const Shape& y) const {
    return {.batch = x[0],
            .channels = x[1],
            .in_height = x[2],
            .in_width = x[3],
            .out_channels = y[1],
            .out_height = y[2],
            .out_width = y[3],
            .stride = stride_,
            .front = (y[1] - x[1]) / 2};
  }

  std::int64_t out_channels_, stride_;
};

}  // namespace

std::unique_ptr<Layer> strided_identity_pad(std::int64_t out_channels, std::int64_t stride) {
  return std::make_unique<StridedIdentityPad>(out_channels, stride);
}

}  // namespace backlight
