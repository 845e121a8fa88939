// What the processor's ladders share.
#pragma once

#include "engine/runtime/device.hpp"

/// Compiled for three instruction sets, of which the processor's best one runs, so that versions differ in their idea
/// and not in the compiler's flags. Sanitizers start too late for the choice.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define STUDY_CLONES __attribute__((target_clones("arch=skylake-avx512", "arch=haswell", "default")))
#else
#define STUDY_CLONES
#endif

namespace backlight::study {

/// One rung of a processor's ladder.
template <class Run>
struct CpuVersion {
  const char* name;
  Run* run;
  bool all_threads = false;  ///< otherwise a context of one thread is given
};

}  // namespace backlight::study
