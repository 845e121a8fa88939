#include "kernels/gemm/micro_kernels.hpp"

namespace backlight::cpu {

extern const MicroKernels<float> kPortableKernels;
extern const MicroKernels<double> kPortableKernels64;

#ifdef __x86_64__
extern const MicroKernels<float> kAvx2Kernels, kAvx512Kernels;
extern const MicroKernels<double> kAvx2Kernels64, kAvx512Kernels64;
#endif

namespace {

/// By instruction set.
#ifdef __x86_64__
constexpr const MicroKernels<float>* kKernels[] = {&kPortableKernels, &kAvx2Kernels, &kAvx512Kernels};
constexpr const MicroKernels<double>* kKernels64[] = {&kPortableKernels64, &kAvx2Kernels64,
                                                      &kAvx512Kernels64};
#else
constexpr const MicroKernels<float>* kKernels[] = {&kPortableKernels};
constexpr const MicroKernels<double>* kKernels64[] = {&kPortableKernels64};
#endif

std::size_t index_of(Isa isa) {
  require_available(isa);
  return static_cast<std::size_t>(isa);
}

}  // namespace

template <>
const MicroKernels<float>& micro_kernels<float>(Isa isa) {
  return *kKernels[index_of(isa)];
}

template <>
const MicroKernels<double>& micro_kernels<double>(Isa isa) {
  return *kKernels64[index_of(isa)];
}

}  // namespace backlight::cpu
