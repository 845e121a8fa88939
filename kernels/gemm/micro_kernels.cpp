#include "kernels/gemm/micro_kernels.hpp"

#include <type_traits>

#include "engine/core/error.hpp"

namespace backlight::cpu {

extern const MicroKernels<float> kPortableKernels;
extern const MicroKernels<double> kPortableKernels64;

#ifdef BACKLIGHT_X86
extern const MicroKernels<float> kAvx2Kernels;
extern const MicroKernels<float> kAvx512Kernels;

bool available(Isa isa) {
  if (isa == Isa::avx512) return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
  if (isa == Isa::avx2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return true;
}

namespace {
const MicroKernels<float>& kernels_of(Isa isa) {
  if (isa == Isa::avx512) return kAvx512Kernels;
  return isa == Isa::avx2 ? kAvx2Kernels : kPortableKernels;
}
}  // namespace
#else
bool available(Isa isa) { return isa == Isa::portable; }

namespace {
const MicroKernels<float>& kernels_of(Isa) { return kPortableKernels; }
}  // namespace
#endif

Isa best_isa() {
  for (const Isa isa : {Isa::avx512, Isa::avx2})
    if (available(isa)) return isa;
  return Isa::portable;
}

template <>
const MicroKernels<float>& micro_kernels<float>(Isa isa) {
  if (!available(isa))
    throw Error(ErrorKind::internal, "kernels for instruction set ", static_cast<int>(isa),
                " were asked for, which this build or this processor does not have");
  return kernels_of(isa);
}

template <>
const MicroKernels<double>& micro_kernels<double>(Isa) {
  return kPortableKernels64;
}

}  // namespace backlight::cpu
