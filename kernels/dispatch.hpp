// The one switch on the device: a table of kernels per device and element type. A layer never names a device:
//
//   dispatch(context, x.dtype(), [&]<class T>(const Kernels<T>& k) { k.relu_forward(context, params, ...); });
#pragma once

#include <algorithm>
#include <cstddef>

#include "engine/core/tensor.hpp"
#include "engine/runtime/device.hpp"
#include "kernels/add/add.hpp"
#include "kernels/batch_norm/batch_norm.hpp"
#include "kernels/conv2d/conv2d.hpp"
#include "kernels/copy/copy.hpp"
#include "kernels/cross_entropy/cross_entropy.hpp"
#include "kernels/dropout/dropout.hpp"
#include "kernels/grad_cam/grad_cam.hpp"
#include "kernels/linear/linear.hpp"
#include "kernels/local_response_norm/local_response_norm.hpp"
#include "kernels/pool/pool.hpp"
#include "kernels/relu/relu.hpp"
#include "kernels/sgd/sgd.hpp"
#include "kernels/softmax/softmax.hpp"
#include "kernels/strided_identity_pad/strided_identity_pad.hpp"
#include "kernels/target/target.hpp"

namespace backlight {

/// Stands for a kernel that a device does not have: throws Error(unsupported) naming it.
template <std::size_t size>
struct KernelName {
  constexpr KernelName(const char (&text)[size]) { std::copy_n(text, size, characters); }
  char characters[size];
};
template <KernelName name>
struct Missing {
  template <class Result, class... Arguments>
  using Function = Result (*)(Arguments...);
  template <class Result, class... Arguments>
  constexpr operator Function<Result, Arguments...>() const {
    return [](Arguments...) -> Result {
      throw Error(ErrorKind::unsupported, "the kernel ", name.characters,
                  " is not supported on this device; nothing else is run in its place");
    };
  }
};
template <KernelName name>
inline constexpr Missing<name> missing;

/// One entry per kernel; every device's functions have the same signature.
template <class T>
struct Kernels {
  decltype(&cpu::add_forward<T>) add_forward = missing<"add_forward">;
  decltype(&cpu::add_backward<T>) add_backward = missing<"add_backward">;
  decltype(&cpu::batch_norm_statistics<T>) batch_norm_statistics = missing<"batch_norm_statistics">;
  decltype(&cpu::batch_norm_update_running<T>) batch_norm_update_running =
      missing<"batch_norm_update_running">;
  decltype(&cpu::batch_norm_forward<T>) batch_norm_forward = missing<"batch_norm_forward">;
  decltype(&cpu::batch_norm_fused_forward<T>) batch_norm_fused_forward = missing<"batch_norm_fused_forward">;
  decltype(&cpu::batch_norm_backward<T>) batch_norm_backward = missing<"batch_norm_backward">;
  decltype(&cpu::conv2d_forward<T>) conv2d_forward = missing<"conv2d_forward">;
  decltype(&cpu::conv2d_fused_forward<T>) conv2d_fused_forward = missing<"conv2d_fused_forward">;
  decltype(&cpu::conv2d_backward_data<T>) conv2d_backward_data = missing<"conv2d_backward_data">;
  decltype(&cpu::conv2d_backward_filter<T>) conv2d_backward_filter = missing<"conv2d_backward_filter">;
  decltype(&cpu::conv2d_backward_bias<T>) conv2d_backward_bias = missing<"conv2d_backward_bias">;
  decltype(&cpu::copy_rows<T>) copy_rows = missing<"copy_rows">;
  decltype(&cpu::cross_entropy_forward<T>) cross_entropy_forward = missing<"cross_entropy_forward">;
  decltype(&cpu::cross_entropy_backward<T>) cross_entropy_backward = missing<"cross_entropy_backward">;
  decltype(&cpu::dropout<T>) dropout = missing<"dropout">;
  decltype(&cpu::channel_sum<T>) channel_sum = missing<"channel_sum">;
  decltype(&cpu::weighted_sum<T>) weighted_sum = missing<"weighted_sum">;
  decltype(&cpu::linear_forward<T>) linear_forward = missing<"linear_forward">;
  decltype(&cpu::linear_backward_data<T>) linear_backward_data = missing<"linear_backward_data">;
  decltype(&cpu::linear_backward_filter<T>) linear_backward_filter = missing<"linear_backward_filter">;
  decltype(&cpu::linear_backward_bias<T>) linear_backward_bias = missing<"linear_backward_bias">;
  decltype(&cpu::local_response_norm_forward<T>) local_response_norm_forward =
      missing<"local_response_norm_forward">;
  decltype(&cpu::local_response_norm_backward<T>) local_response_norm_backward =
      missing<"local_response_norm_backward">;
  decltype(&cpu::max_pool2d_forward<T>) max_pool2d_forward = missing<"max_pool2d_forward">;
  decltype(&cpu::max_pool2d_backward<T>) max_pool2d_backward = missing<"max_pool2d_backward">;
  decltype(&cpu::avg_pool2d_forward<T>) avg_pool2d_forward = missing<"avg_pool2d_forward">;
  decltype(&cpu::avg_pool2d_backward<T>) avg_pool2d_backward = missing<"avg_pool2d_backward">;
  decltype(&cpu::adaptive_avg_pool2d_forward<T>) adaptive_avg_pool2d_forward =
      missing<"adaptive_avg_pool2d_forward">;
  decltype(&cpu::adaptive_avg_pool2d_backward<T>) adaptive_avg_pool2d_backward =
      missing<"adaptive_avg_pool2d_backward">;
  decltype(&cpu::relu_forward<T>) relu_forward = missing<"relu_forward">;
  decltype(&cpu::relu_backward<T>) relu_backward = missing<"relu_backward">;
  decltype(&cpu::sgd_step<T>) sgd_step = missing<"sgd_step">;
  decltype(&cpu::log_softmax_forward<T>) log_softmax_forward = missing<"log_softmax_forward">;
  decltype(&cpu::log_softmax_backward<T>) log_softmax_backward = missing<"log_softmax_backward">;
  decltype(&cpu::softmax_forward<T>) softmax_forward = missing<"softmax_forward">;
  decltype(&cpu::softmax_backward<T>) softmax_backward = missing<"softmax_backward">;
  decltype(&cpu::strided_identity_pad_forward<T>) strided_identity_pad_forward =
      missing<"strided_identity_pad_forward">;
  decltype(&cpu::strided_identity_pad_backward<T>) strided_identity_pad_backward =
      missing<"strided_identity_pad_backward">;
  decltype(&cpu::argmax<T>) argmax = missing<"argmax">;
  decltype(&cpu::one_hot<T>) one_hot = missing<"one_hot">;
};

namespace cuda {
/// Throws Error(unsupported) where the build has no CUDA.
const Kernels<float>& kernel_table();
}  // namespace cuda

/// Throws Error(unsupported) where the device has no kernels of this element type. There is no fallback.
template <class T>
const Kernels<T>& kernels(const Device& device);

template <class Fn>
void dispatch(const Context& context, DType dtype, Fn&& fn) {
  dispatch_dtype(dtype, [&]<class T>() { fn(kernels<T>(context.device())); });
}

}  // namespace backlight
