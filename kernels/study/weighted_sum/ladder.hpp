// Weighted sum of channels, L[n,i] = Σ_k α[n,k]·A[n,k,i]: its versions, from the plainest to the library's.
#pragma once

#include "kernels/grad_cam/grad_cam.hpp"
#include "kernels/study/version.hpp"

namespace backlight::study::weighted_sum {

using Launch = void(Context& context, const ChannelMaps& maps, const float* alpha, const float* a,
                    float* map);

namespace v1_one_block_per_position {
Launch run;
}
namespace v2_one_thread_per_position {
Launch run;
}
namespace v3_channels_shared_by_groups {
Launch run;
}
namespace v4_eight_loads_in_flight {
Launch run;
}
namespace v5_sixteen_byte_loads {
Launch run;
}
namespace v6_channels_shared_by_blocks {
Launch run;
}

inline constexpr Version<Launch> kLadder[] = {
    {"v1_one_block_per_position", v1_one_block_per_position::run},
    {"v2_one_thread_per_position", v2_one_thread_per_position::run},
    {"v3_channels_shared_by_groups", v3_channels_shared_by_groups::run},
    {"v4_eight_loads_in_flight", v4_eight_loads_in_flight::run},
    {"v5_sixteen_byte_loads", v5_sixteen_byte_loads::run},
    {"v6_channels_shared_by_blocks", v6_channels_shared_by_blocks::run},
    {"library", cuda::weighted_sum},
};

}  // namespace backlight::study::weighted_sum
