#include "kernels/dispatch.hpp"

namespace backlight::cuda {
namespace {

constexpr Kernels<float> kCuda{
#define KERNEL(name) .name = cuda::name,
#define CPU_KERNEL(name)
#include "kernels/kernels.def"
};

}  // namespace

const Kernels<float>& kernel_table() { return kCuda; }

}  // namespace backlight::cuda
