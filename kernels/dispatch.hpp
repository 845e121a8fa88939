// The one switch on the device: a table of kernels per device and element type. A layer never names a device:
//
//   dispatch(context, x.dtype(), [&]<class T>(const Kernels<T>& k) { k.relu_forward(context, params, ...);
//   });
#pragma once

#include "engine/device.hpp"
#include "engine/tensor.hpp"
#include "kernels/add/add.hpp"
#include "kernels/conv2d/conv2d.hpp"
#include "kernels/grad_cam/grad_cam.hpp"
#include "kernels/linear/linear.hpp"
#include "kernels/relu/relu.hpp"

namespace backlight {

/// One entry per kernel; every device's functions have the same signature.
template <class T>
struct Kernels {
  decltype(&cpu::add_forward<T>) add_forward;
  decltype(&cpu::add_backward<T>) add_backward;
  decltype(&cpu::channel_sum<T>) channel_sum;
  decltype(&cpu::weighted_sum<T>) weighted_sum;
  decltype(&cpu::conv2d_forward<T>) conv2d_forward;
  decltype(&cpu::conv2d_backward_data<T>) conv2d_backward_data;
  decltype(&cpu::conv2d_backward_filter<T>) conv2d_backward_filter;
  decltype(&cpu::conv2d_backward_bias<T>) conv2d_backward_bias;
  decltype(&cpu::linear_forward<T>) linear_forward;
  decltype(&cpu::linear_backward_data<T>) linear_backward_data;
  decltype(&cpu::linear_backward_filter<T>) linear_backward_filter;
  decltype(&cpu::linear_backward_bias<T>) linear_backward_bias;
  decltype(&cpu::relu_forward<T>) relu_forward;
  decltype(&cpu::relu_backward<T>) relu_backward;
};

/// Throws Error(unsupported) where the device has no kernels of this element type. There is no fallback.
template <class T>
const Kernels<T>& kernels(const Device& device);

template <class Fn>
void dispatch(const Context& context, DType dtype, Fn&& fn) {
  dispatch_dtype(dtype, [&]<class T>() { fn(kernels<T>(context.device())); });
}

}  // namespace backlight
