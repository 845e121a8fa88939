// A build without CUDA. No stream can be opened, so nothing else is ever called.
#include "engine/runtime/cuda/absent.hpp"

#include "engine/runtime/cuda/backend.hpp"
#include "engine/runtime/cuda/devices.hpp"

namespace backlight::cuda {

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
std::shared_ptr<Graph> capture(Stream&, std::shared_ptr<MemoryPool>, FunctionRef<void()>) { refuse(); }
void replay(Stream&, Graph&) { refuse(); }
void tune(Stream&, bool) { refuse(); }
Devices devices() { return {.build = Build::absent, .obstacle = "this build of backlight has no CUDA"}; }

}  // namespace backlight::cuda
