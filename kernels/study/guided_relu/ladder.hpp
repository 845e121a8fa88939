// The guided backward rule of ReLU, dx = dy·[0 < y < u]·[dy > 0]: its versions, from the plainest to the
// library's.
#pragma once

#include "kernels/relu/relu.hpp"
#include "kernels/study/version.hpp"

namespace backlight::study::guided_relu {

using Launch = void(Context& context, const ReluParams& params, const float* y, const float* dy, float* dx);

namespace v1_one_stretch_per_thread {
Launch run;
}
namespace v2_one_element_per_thread {
Launch run;
}
namespace v3_no_branch {
Launch run;
}
namespace v4_four_loads_in_flight {
Launch run;
}
namespace v5_sixteen_byte_accesses {
Launch run;
}
namespace v6_four_vectors_per_thread {
Launch run;
}

/// kernels/relu/relu_cuda.cu, as the engine calls it.
inline void library(Context& context, const ReluParams& params, const float* y, const float* dy, float* dx) {
  cuda::relu_backward(context, params, BackwardRule::guided, y, dy, dx);
}

inline constexpr Version<Launch> kLadder[] = {
    {"v1_one_stretch_per_thread", v1_one_stretch_per_thread::run},
    {"v2_one_element_per_thread", v2_one_element_per_thread::run},
    {"v3_no_branch", v3_no_branch::run},
    {"v4_four_loads_in_flight", v4_four_loads_in_flight::run},
    {"v5_sixteen_byte_accesses", v5_sixteen_byte_accesses::run},
    {"v6_four_vectors_per_thread", v6_four_vectors_per_thread::run},
    {"library", library},
};

}  // namespace backlight::study::guided_relu
