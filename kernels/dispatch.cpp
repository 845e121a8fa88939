#include "kernels/dispatch.hpp"

#include <type_traits>

namespace backlight {
namespace {

template <class T>
constexpr Kernels<T> kCpu{
    .add_forward = cpu::add_forward<T>,
    .add_backward = cpu::add_backward<T>,
    .batch_norm_statistics = cpu::batch_norm_statistics<T>,
    .batch_norm_update_running = cpu::batch_norm_update_running<T>,
    .batch_norm_forward = cpu::batch_norm_forward<T>,
    .batch_norm_fused_forward = cpu::batch_norm_fused_forward<T>,
    .batch_norm_backward = cpu::batch_norm_backward<T>,
    .conv2d_forward = cpu::conv2d_forward<T>,
    .conv2d_fused_forward = cpu::conv2d_fused_forward<T>,
    .conv2d_backward_data = cpu::conv2d_backward_data<T>,
    .conv2d_backward_filter = cpu::conv2d_backward_filter<T>,
    .conv2d_backward_bias = cpu::conv2d_backward_bias<T>,
    .copy_rows = cpu::copy_rows<T>,
    .cross_entropy_forward = cpu::cross_entropy_forward<T>,
    .cross_entropy_backward = cpu::cross_entropy_backward<T>,
    .dropout = cpu::dropout<T>,
    .channel_sum = cpu::channel_sum<T>,
    .weighted_sum = cpu::weighted_sum<T>,
    .linear_forward = cpu::linear_forward<T>,
    .linear_backward_data = cpu::linear_backward_data<T>,
    .linear_backward_filter = cpu::linear_backward_filter<T>,
    .linear_backward_bias = cpu::linear_backward_bias<T>,
    .local_response_norm_forward = cpu::local_response_norm_forward<T>,
    .local_response_norm_backward = cpu::local_response_norm_backward<T>,
    .max_pool2d_forward = cpu::max_pool2d_forward<T>,
    .max_pool2d_backward = cpu::max_pool2d_backward<T>,
    .avg_pool2d_forward = cpu::avg_pool2d_forward<T>,
    .avg_pool2d_backward = cpu::avg_pool2d_backward<T>,
    .adaptive_avg_pool2d_forward = cpu::adaptive_avg_pool2d_forward<T>,
    .adaptive_avg_pool2d_backward = cpu::adaptive_avg_pool2d_backward<T>,
    .relu_forward = cpu::relu_forward<T>,
    .relu_backward = cpu::relu_backward<T>,
    .sgd_step = cpu::sgd_step<T>,
    .log_softmax_forward = cpu::log_softmax_forward<T>,
    .log_softmax_backward = cpu::log_softmax_backward<T>,
    .softmax_forward = cpu::softmax_forward<T>,
    .softmax_backward = cpu::softmax_backward<T>,
    .strided_identity_pad_forward = cpu::strided_identity_pad_forward<T>,
    .strided_identity_pad_backward = cpu::strided_identity_pad_backward<T>,
    .argmax = cpu::argmax<T>,
    .one_hot = cpu::one_hot<T>,
};

}  // namespace

template <class T>
const Kernels<T>& kernels(const Device& device) {
  if (device.kind == Device::Kind::cpu) return kCpu<T>;
  if constexpr (std::is_same_v<T, float>) return cuda::kernel_table();
  throw Error(ErrorKind::unsupported, "there are no ", dtype_of<T>, " kernels for ", device,
              ": use float32, or the device cpu");
}

template const Kernels<float>& kernels<float>(const Device&);
template const Kernels<double>& kernels<double>(const Device&);

}  // namespace backlight
