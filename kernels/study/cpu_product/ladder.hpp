// C = A·B in float32 on the processor, all matrices row by row: its versions,
// from three loops to the library's product.
#pragma once

#include <cstdint>

#include "kernels/cost.hpp"
#include "kernels/study/cpu.hpp"

namespace backlight::study::cpu_product {

/// A is m×k, B is k×n, C is m×n.
struct Params {
  std::int64_t m = 0, n = 0, k = 0;
};

constexpr Cost cost(const Params& p) {
  return {4 * (p.m * p.k + p.k * p.n + p.m * p.n), 2 * p.m * p.n * p.k};
}

/// Overwrites c.
using Run = void(Context& context, const Params& params, const float* a, const float* b, float* c);

namespace v1_as_written {
Run run;
}
namespace v2_along_rows {
Run run;
}
namespace v3_cache_blocks {
Run run;
}
namespace v4_packed_panels {
Run run;
}
namespace v5_register_tile {
Run run;
}
/// What the engine multiplies with.
namespace library {
Run run;
}

inline constexpr CpuVersion<Run> kLadder[] = {
    {"v1_as_written", v1_as_written::run},           {"v2_along_rows", v2_along_rows::run},
    {"v3_cache_blocks", v3_cache_blocks::run},       {"v4_packed_panels", v4_packed_panels::run},
    {"v5_register_tile", v5_register_tile::run},     {"library, one thread", library::run},
    {"library", library::run, /*all_threads=*/true},
};

}  // namespace backlight::study::cpu_product
