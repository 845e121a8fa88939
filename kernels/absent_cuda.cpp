// The kernels of a build without CUDA.
#include "engine/runtime/cuda/absent.hpp"
#include "kernels/dispatch.hpp"
#include "kernels/overlay/overlay.hpp"
#include "kernels/preprocess/preprocess.hpp"
#include "kernels/saliency/saliency.hpp"

namespace backlight::cuda {

const Kernels<float>& kernel_table() { refuse(); }
void weighted_sum_extrema(Context&, const ChannelMaps&, MapValues, const float*, const float*, float*,
                          Extrema*) {
  refuse();
}
void overlay(Context&, const OverlayParams&, const OverlayInput&, const OverlayOutput&) { refuse(); }
void saliency(Context&, const SaliencyParams&, const float*, Extrema*, std::uint8_t*) { refuse(); }
void preprocess(Context&, const PreprocessParams&, const std::uint8_t*, std::uint8_t*, float*) { refuse(); }

}  // namespace backlight::cuda
