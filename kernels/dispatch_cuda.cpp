#include "kernels/dispatch.hpp"

namespace backlight::cuda {
namespace {

constexpr Kernels<float> kCuda{
    .add_forward = add_forward,
    .add_backward = add_backward,
    .channel_sum = channel_sum,
    .weighted_sum = weighted_sum,
    .relu_forward = relu_forward,
    .relu_backward = relu_backward,
};

}  // namespace

const Kernels<float>& kernel_table() { return kCuda; }

}  // namespace backlight::cuda
