#include "kernels/dispatch.hpp"

namespace backlight::cuda {
namespace {

constexpr Kernels<float> kCuda{
    .add_forward = add_forward,
    .add_backward = add_backward,
    .copy_rows = copy_rows,
    .channel_sum = channel_sum,
    .weighted_sum = weighted_sum,
    .max_pool2d_forward = max_pool2d_forward,
    .max_pool2d_backward = max_pool2d_backward,
    .avg_pool2d_forward = avg_pool2d_forward,
    .avg_pool2d_backward = avg_pool2d_backward,
    .adaptive_avg_pool2d_forward = adaptive_avg_pool2d_forward,
    .adaptive_avg_pool2d_backward = adaptive_avg_pool2d_backward,
    .relu_forward = relu_forward,
    .relu_backward = relu_backward,
};

}  // namespace

const Kernels<float>& kernel_table() { return kCuda; }

}  // namespace backlight::cuda
