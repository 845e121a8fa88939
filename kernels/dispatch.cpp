#include "kernels/dispatch.hpp"

#include <type_traits>

namespace backlight {
namespace {

template <class T>
constexpr Kernels<T> kCpu{
#define KERNEL(name) .name = cpu::name<T>,
#include "kernels/kernels.def"
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
