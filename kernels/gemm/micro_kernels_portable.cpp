#include "kernels/gemm/portable_vector.hpp"

namespace backlight::cpu {
namespace {

constexpr int kRegisterBytes = 16;  // which every processor that we know has

}  // namespace

extern const MicroKernels<float> kPortableKernels;
extern const MicroKernels<double> kPortableKernels64;
constinit const MicroKernels<float> kPortableKernels =
    make_micro_kernels<Portable<float, kRegisterBytes>>(Isa::portable);
constinit const MicroKernels<double> kPortableKernels64 =
    make_micro_kernels<Portable<double, kRegisterBytes>>(Isa::portable);

}  // namespace backlight::cpu
