// The devices that these tests use.
#pragma once

#include <vector>

#include "engine/runtime/device.hpp"

namespace backlight::test {

constexpr Device cuda_device(int index) { return {Device::Kind::cuda, index}; }
inline constexpr Device kCudaDevice = cuda_device(0);

/// All values of a tensor anywhere, in the host's memory.
template <class T>
std::vector<T> values_of(const Context& context, const Tensor& tensor) {
  const Tensor host = context.to_host(tensor);
  return {host.values<T>().begin(), host.values<T>().end()};
}

}  // namespace backlight::test
