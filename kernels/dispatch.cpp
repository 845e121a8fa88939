#include "kernels/dispatch.hpp"

namespace backlight {
namespace {

template <class T>
constexpr Kernels<T> kCpu{
    .add_forward = cpu::add_forward<T>,
    .add_backward = cpu::add_backward<T>,
    .channel_sum = cpu::channel_sum<T>,
    .weighted_sum = cpu::weighted_sum<T>,
    .conv2d_forward = cpu::conv2d_forward<T>,
    .conv2d_backward_data = cpu::conv2d_backward_data<T>,
    .conv2d_backward_filter = cpu::conv2d_backward_filter<T>,
    .conv2d_backward_bias = cpu::conv2d_backward_bias<T>,
    .linear_forward = cpu::linear_forward<T>,
    .linear_backward_data = cpu::linear_backward_data<T>,
    .linear_backward_filter = cpu::linear_backward_filter<T>,
    .linear_backward_bias = cpu::linear_backward_bias<T>,
    .relu_forward = cpu::relu_forward<T>,
    .relu_backward = cpu::relu_backward<T>,
};

}  // namespace

template <class T>
const Kernels<T>& kernels(const Device& device) {
  if (device.kind == Device::Kind::cpu) return kCpu<T>;
  throw Error(ErrorKind::unsupported, "this build has no kernels for ", device);
}

template const Kernels<float>& kernels<float>(const Device&);
template const Kernels<double>& kernels<double>(const Device&);

}  // namespace backlight
