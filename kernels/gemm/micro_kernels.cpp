#include "kernels/gemm/micro_kernels.hpp"

#include "engine/core/error.hpp"

namespace backlight::cpu {

extern const MicroKernels<float> kPortableKernels;
extern const MicroKernels<double> kPortableKernels64;

#ifdef BACKLIGHT_X86
extern const MicroKernels<float> kAvx2Kernels, kAvx512Kernels;
extern const MicroKernels<double> kAvx2Kernels64, kAvx512Kernels64;

bool available(Isa isa) {
  if (isa == Isa::avx512) return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
  if (isa == Isa::avx2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return true;
}
#else
bool available(Isa isa) { return isa == Isa::portable; }
#endif

namespace {

/// By instruction set.
#ifdef BACKLIGHT_X86
constexpr const MicroKernels<float>* kKernels[] = {&kPortableKernels, &kAvx2Kernels, &kAvx512Kernels};
constexpr const MicroKernels<double>* kKernels64[] = {&kPortableKernels64, &kAvx2Kernels64,
                                                      &kAvx512Kernels64};
#else
constexpr const MicroKernels<float>* kKernels[] = {&kPortableKernels};
constexpr const MicroKernels<double>* kKernels64[] = {&kPortableKernels64};
#endif

std::size_t index_of(Isa isa) {
  if (!available(isa))
    throw Error(ErrorKind::internal, "kernels for instruction set ", static_cast<int>(isa),
                " were asked for, which this build or this processor does not have");
  return static_cast<std::size_t>(isa);
}

}  // namespace

Isa best_isa() {
  for (const Isa isa : {Isa::avx512, Isa::avx2})
    if (available(isa)) return isa;
  return Isa::portable;
}

template <>
const MicroKernels<float>& micro_kernels<float>(Isa isa) {
  return *kKernels[index_of(isa)];
}

template <>
const MicroKernels<double>& micro_kernels<double>(Isa isa) {
  return *kKernels64[index_of(isa)];
}

}  // namespace backlight::cpu
