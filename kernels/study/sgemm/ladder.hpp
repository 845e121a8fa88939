// C = A·B in float32, all matrices row by row: its versions, from the plainest to what the multiply-add units
// allow without tensor cores. The engine multiplies by cuBLASLt; this ladder shows what such a library
// has to do.
#pragma once

#include <cstdint>

#include "kernels/cost.hpp"
#include "kernels/study/version.hpp"

namespace backlight {
class Context;
}

namespace backlight::study::sgemm {

/// A is m×k, B is k×n, C is m×n.
struct Params {
  std::int64_t m = 0, n = 0, k = 0;
};

constexpr Cost cost(const Params& p) {
  return {4 * (p.m * p.k + p.k * p.n + p.m * p.n), 2 * p.m * p.n * p.k};
}

using Launch = void(Context& context, const Params& params, const float* a, const float* b, float* c);

namespace v1_lanes_down_a_column {
Launch run;
}
namespace v2_lanes_along_a_row {
Launch run;
}
namespace v3_shared_tiles {
Launch run;
}
namespace v4_eight_rows_per_thread {
Launch run;
}
namespace v5_eight_by_eight_per_thread {
Launch run;
}
namespace v6_sixteen_byte_accesses {
Launch run;
}
namespace v7_double_buffered {
Launch run;
}
/// What the engine multiplies with: not our code, and the mark to measure the ladder by.
namespace cublaslt {
Launch run;
}

inline constexpr Version<Launch> kLadder[] = {
    {"v1_lanes_down_a_column", v1_lanes_down_a_column::run},
    {"v2_lanes_along_a_row", v2_lanes_along_a_row::run},
    {"v3_shared_tiles", v3_shared_tiles::run},
    {"v4_eight_rows_per_thread", v4_eight_rows_per_thread::run},
    {"v5_eight_by_eight_per_thread", v5_eight_by_eight_per_thread::run},
    {"v6_sixteen_byte_accesses", v6_sixteen_byte_accesses::run},
    {"v7_double_buffered", v7_double_buffered::run},
    {"cublaslt", cublaslt::run},
};

}  // namespace backlight::study::sgemm
