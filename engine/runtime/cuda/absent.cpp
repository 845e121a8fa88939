// A build without CUDA. No stream can be opened, so nothing else is ever called.
#include "engine/runtime/cuda/backend.hpp"
#include "engine/runtime/cuda/devices.hpp"
#include "kernels/dispatch.hpp"
#include "kernels/overlay/overlay.hpp"
#include "kernels/preprocess/preprocess.hpp"
#include "kernels/saliency/saliency.hpp"

namespace backlight::cuda {
namespace {

[[noreturn]] void refuse() {
  throw Error(ErrorKind::unsupported,
              "this build of backlight has no CUDA: use the device cpu, or build with -DBACKLIGHT_CUDA=REAL");
}

}  // namespace

std::shared_ptr<Stream> open_stream(int) { refuse(); }
std::shared_ptr<MemoryPool> make_pool(std::shared_ptr<Stream>) { refuse(); }
void upload(Stream&, void*, const void*, std::size_t) { refuse(); }
void download(Stream&, void*, const void*, std::size_t) { refuse(); }
void copy(Stream&, void*, const void*, std::size_t) { refuse(); }
void copy_between(Stream&, void*, const void*, int, std::size_t) { refuse(); }
void clear(Stream&, void*, std::size_t) { refuse(); }
void synchronize(Stream&) { refuse(); }
std::shared_ptr<MemoryPool> make_recycling_pool(std::shared_ptr<Stream>) { refuse(); }
std::shared_ptr<MemoryPool> make_shared_pool(std::shared_ptr<Stream>) { refuse(); }
std::shared_ptr<Graph> capture(Stream&, std::shared_ptr<MemoryPool>, const std::function<void()>&) {
  refuse();
}
void replay(Stream&, Graph&) { refuse(); }
void tune(Stream&, bool) { refuse(); }
const Kernels<float>& kernel_table() { refuse(); }
void weighted_sum_extrema(Context&, const ChannelMaps&, MapValues, const float*, const float*, float*,
                          Extrema*) {
  refuse();
}
void overlay(Context&, const OverlayParams&, const OverlayInput&, const OverlayOutput&) { refuse(); }
void saliency(Context&, const SaliencyParams&, const float*, Extrema*, std::uint8_t*) { refuse(); }
void preprocess(Context&, const PreprocessParams&, const std::uint8_t*, std::uint8_t*, float*) { refuse(); }
Devices devices() { return {.build = Build::absent, .obstacle = "this build of backlight has no CUDA"}; }

}  // namespace backlight::cuda
