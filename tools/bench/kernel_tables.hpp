// Tables that are put into the program when it is built, as comma-separated values.
#pragma once

#include <string_view>

namespace backlight::bench {

/// kernels/study/counters.csv.
extern const std::string_view kCountersCsv;

/// topic,version,registers,shared bytes: a line per kernel. Empty where nvcc was not found.
extern const std::string_view kResourcesCsv;
extern const std::string_view kResourcesArchitecture;  ///< e.g. "sm_90"

}  // namespace backlight::bench
