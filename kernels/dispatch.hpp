// The one switch on the device: a table of kernels per device and element type. A layer never names a device:
//
//   dispatch(context, x.dtype(), [&]<class T>(const Kernels<T>& k) { k.relu_forward(context, params, ...); });
#pragma once

#include <algorithm>
#include <cstddef>

#include "engine/core/tensor.hpp"
#include "engine/runtime/device.hpp"

// The headers of the operations.
#define KERNEL(name)
#include "kernels/kernels.def"

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

/// One entry per kernel of kernels/kernels.def; every device's functions have the same signature.
template <class T>
struct Kernels {
#define KERNEL(name) decltype(&cpu::name<T>) name = missing<#name>;
#include "kernels/kernels.def"
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
