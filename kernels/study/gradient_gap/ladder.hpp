// Gradient GAP, α[n,k] = s·Σ_i g[n,k,i]: its versions, from the plainest to the library's.
#pragma once

#include "kernels/grad_cam/grad_cam.hpp"
#include "kernels/study/version.hpp"

namespace backlight::study::gradient_gap {

using Launch = void(Context& context, const ChannelMaps& maps, double scale, const float* g, float* alpha);

namespace v1_one_thread_per_channel {
Launch run;
}
namespace v2_one_block_per_channel {
Launch run;
}
namespace v3_sequential_tree {
Launch run;
}
namespace v4_one_warp_per_channel {
Launch run;
}
namespace v5_four_loads_in_flight {
Launch run;
}
namespace v6_sixteen_byte_loads {
Launch run;
}

inline constexpr Version<Launch> kLadder[] = {
    {"v1_one_thread_per_channel", v1_one_thread_per_channel::run},
    {"v2_one_block_per_channel", v2_one_block_per_channel::run},
    {"v3_sequential_tree", v3_sequential_tree::run},
    {"v4_one_warp_per_channel", v4_one_warp_per_channel::run},
    {"v5_four_loads_in_flight", v5_four_loads_in_flight::run},
    {"v6_sixteen_byte_loads", v6_sixteen_byte_loads::run},
    {"library", cuda::channel_sum},
};

}  // namespace backlight::study::gradient_gap
