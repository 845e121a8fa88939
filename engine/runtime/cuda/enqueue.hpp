// What most files of kernels need of the runtime. nvcc reads every header once for each architecture and once more for
// the host, so that a Context's own header would take longer than a kernel.
#pragma once

#include <cstddef>

#include "engine/runtime/cuda/check.hpp"

namespace backlight {

class Context;

namespace cuda {

/// The stream in which everything of the context runs; makes its device the current one. Throws Error(internal) on the
/// CPU.
cudaStream_t stream_of(const Context& context);
/// In that stream, within its device's memory.
void enqueue_copy(const Context& context, void* to, const void* from, std::size_t bytes);
void enqueue_clear(const Context& context, void* block, std::size_t bytes);

}  // namespace cuda
}  // namespace backlight
