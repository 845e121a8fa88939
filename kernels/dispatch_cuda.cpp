#include "kernels/dispatch.hpp"

namespace backlight::cuda {
namespace {

constexpr Kernels<float> kCuda{
    .add_forward = add_forward,
    .add_backward = add_backward,
    .batch_norm_statistics = batch_norm_statistics,
    .batch_norm_update_running = batch_norm_update_running,
    .batch_norm_forward = batch_norm_forward,
    .batch_norm_fused_forward = batch_norm_fused_forward,
    .batch_norm_backward = batch_norm_backward,
    .conv2d_forward = conv2d_forward,
    .conv2d_fused_forward = conv2d_fused_forward,
    .conv2d_backward_data = conv2d_backward_data,
    .conv2d_backward_filter = conv2d_backward_filter,
    .conv2d_backward_bias = conv2d_backward_bias,
    .copy_rows = copy_rows,
    .cross_entropy_forward = cross_entropy_forward,
    .cross_entropy_backward = cross_entropy_backward,
    .dropout = dropout,
    .channel_sum = channel_sum,
    .weighted_sum = weighted_sum,
    .linear_forward = linear_forward,
    .linear_backward_data = linear_backward_data,
    .linear_backward_filter = linear_backward_filter,
    .linear_backward_bias = linear_backward_bias,
    .local_response_norm_forward = local_response_norm_forward,
    .local_response_norm_backward = local_response_norm_backward,
    .max_pool2d_forward = max_pool2d_forward,
    .max_pool2d_backward = max_pool2d_backward,
    .avg_pool2d_forward = avg_pool2d_forward,
    .avg_pool2d_backward = avg_pool2d_backward,
    .adaptive_avg_pool2d_forward = adaptive_avg_pool2d_forward,
    .adaptive_avg_pool2d_backward = adaptive_avg_pool2d_backward,
    .relu_forward = relu_forward,
    .relu_backward = relu_backward,
    .sgd_step = sgd_step,
    .log_softmax_forward = log_softmax_forward,
    .log_softmax_backward = log_softmax_backward,
    .softmax_forward = softmax_forward,
    .softmax_backward = softmax_backward,
    .strided_identity_pad_forward = strided_identity_pad_forward,
    .strided_identity_pad_backward = strided_identity_pad_backward,
    .argmax = argmax,
    .one_hot = one_hot,
};

}  // namespace

const Kernels<float>& kernel_table() { return kCuda; }

}  // namespace backlight::cuda
