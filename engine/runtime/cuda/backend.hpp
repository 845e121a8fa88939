// What the engine asks of CUDA. A build with CUDA, real or emulated, has these from stream.cpp; one without
// from absent.cpp.
#pragma once

#include <cstddef>
#include <memory>

#include "engine/core/function_ref.hpp"
#include "engine/core/tensor.hpp"

namespace backlight::cuda {

class Stream;
class Graph;

/// Throws Error(unsupported) where the build has no CUDA, Error(resources) where the machine has no such
/// device.
std::shared_ptr<Stream> open_stream(int device);
/// Memory allocated and freed in the order of the stream. The pool keeps the stream alive.
std::shared_ptr<MemoryPool> make_pool(std::shared_ptr<Stream> stream);
/// The same, but a freed block stays with the pool for the next that asks for its size: work that was done
/// once can be done again without any allocation.
std::shared_ptr<MemoryPool> make_recycling_pool(std::shared_ptr<Stream> stream);
/// Memory that other streams of the device read, too: a block is freed when all that was asked of any of them
/// is done, for which the caller waits.
std::shared_ptr<MemoryPool> make_shared_pool(std::shared_ptr<Stream> stream);
/// Host to device, through pinned memory. `from` may change as soon as this returns.
void upload(Stream& stream, void* to, const void* from, std::size_t bytes);
/// Device to host, through pinned memory. Waits until `to` has been written.
void download(Stream& stream, void* to, const void* from, std::size_t bytes);
/// Within the device.
void copy(Stream& stream, void* to, const void* from, std::size_t bytes);
/// From the memory of another device, where it is computed already, to the stream's. Waits until it is
/// copied.
void copy_between(Stream& stream, void* to, const void* from, int from_device, std::size_t bytes);
/// Sets all bytes to zero.
void clear(Stream& stream, void* block, std::size_t bytes);
void synchronize(Stream& stream);
/// Records what `work` asks of the stream, which is not done yet. `work` must neither wait nor allocate but
/// from `memory`, which the graph keeps. Rethrows what `work` throws.
std::shared_ptr<Graph> capture(Stream& stream, std::shared_ptr<MemoryPool> memory, FunctionRef<void()> work);
/// Does in the stream what was recorded.
void replay(Stream& stream, Graph& graph);
/// Whether kernels of libraries are chosen by measurement from now on.
void tune(Stream& stream, bool on);

}  // namespace backlight::cuda
