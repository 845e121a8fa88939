// Memory in the order of a stream, from pools. Their blocks are never used again, so that a use after
// cudaFreeAsync shows.
#include <algorithm>

#include "runtime.hpp"

namespace backlight::emulator {
namespace {

/// The emulator has no memory nodes in graphs: what a graph uses is allocated before it is captured.
cudaError_t refuse_memory_node(CUstream_st& stream, const char* call) {
  if (!stream.capture) return cudaSuccess;
  stream.capture->invalid = true;
  return runtime().error(cudaErrorStreamCaptureUnsupported, call, " while a stream is being captured");
}

}  // namespace

CUmemPoolHandle_st* Runtime::pool(cudaMemPool_t handle) {
  for (auto& [index, state] : devices)
    if (&state.pool == handle) return handle;
  return std::ranges::any_of(pools, [&](const auto& p) { return p.get() == handle; }) ? handle : nullptr;
}

}  // namespace backlight::emulator

using namespace backlight::emulator;

extern "C" {

cudaError_t cudaMallocFromPoolAsync(void** block, size_t bytes, cudaMemPool_t pool, cudaStream_t stream) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  CUstream_st* s = r.stream(stream);
  if (!s) return r.error(cudaErrorInvalidResourceHandle);
  CUmemPoolHandle_st* from = r.pool(pool);
  if (!from) return r.error(cudaErrorInvalidValue, "memory is asked of a pool that is not there");
  if (from->device != s->device)
    return r.error(cudaErrorInvalidValue, "memory of a pool of device ", from->device,
                   " is asked for in a stream of device ", s->device);
  if (const cudaError_t code = refuse_memory_node(*s, "stream-ordered allocation")) return code;
  return r.allocate(block, {.bytes = bytes, .on_device = true, .device = s->device, .pool = from});
}

cudaError_t cudaMallocAsync(void** block, size_t bytes, cudaStream_t stream) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  CUstream_st* s = r.stream(stream);
  if (!s) return r.error(cudaErrorInvalidResourceHandle);
  return cudaMallocFromPoolAsync(block, bytes, &r.device(s->device).pool, stream);
}

cudaError_t cudaFreeAsync(void* block, cudaStream_t stream) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  if (!block) return cudaSuccess;
  CUstream_st* s = r.stream(stream);
  if (!s) return r.error(cudaErrorInvalidResourceHandle);
  if (const cudaError_t code = refuse_memory_node(*s, "cudaFreeAsync")) return code;
  std::uintptr_t begin = 0;
  Allocation* allocation = r.find(block, &begin);
  if (!allocation || begin != reinterpret_cast<std::uintptr_t>(block) || !allocation->on_device)
    return r.error(cudaErrorInvalidValue, "cudaFreeAsync of a pointer that is no device block");
  if (allocation->being_freed)
    return r.error(cudaErrorInvalidValue, "cudaFreeAsync of a block that was freed before");
  if (allocation->device != s->device)
    return r.error(cudaErrorInvalidValue, "cudaFreeAsync of a block of device ", allocation->device,
                   " in a stream of device ", s->device);
  allocation->being_freed = true;
  return r.enqueue(stream, {[block] { return runtime().release(block, true); }});
}

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int device) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  if (!r.exists(device)) return r.error(cudaErrorInvalidDevice);
  *pool = &r.device(device).pool;
  return cudaSuccess;
}

cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps* properties) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  const int device = properties->location.id;
  if (properties->allocType != cudaMemAllocationTypePinned ||
      properties->handleTypes != cudaMemHandleTypeNone ||
      properties->location.type != cudaMemLocationTypeDevice || !r.exists(device))
    return r.error(cudaErrorInvalidValue);
  if (r.sticky != cudaSuccess) return r.error(r.sticky);
  r.device(device);
  r.pools.push_back(std::make_unique<CUmemPoolHandle_st>(device));
  *pool = r.pools.back().get();
  return cudaSuccess;
}

cudaError_t cudaMemPoolDestroy(cudaMemPool_t pool) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  const auto removed = std::erase_if(r.pools, [&](const auto& owned) { return owned.get() == pool; });
  return r.error(removed ? cudaSuccess : cudaErrorInvalidValue);
}

cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  const CUmemPoolHandle_st* p = r.pool(pool);
  if (!p || !value) return r.error(cudaErrorInvalidValue);
  *static_cast<std::uint64_t*>(value) =
      attribute == cudaMemPoolAttrReleaseThreshold ? p->release_threshold : p->bytes;
  return cudaSuccess;
}

cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  CUmemPoolHandle_st* p = r.pool(pool);
  if (!p || !value || attribute != cudaMemPoolAttrReleaseThreshold) return r.error(cudaErrorInvalidValue);
  p->release_threshold = *static_cast<const std::uint64_t*>(value);
  return cudaSuccess;
}

cudaError_t cudaMemPoolTrimTo(cudaMemPool_t pool, size_t) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  return r.error(r.pool(pool) ? cudaSuccess : cudaErrorInvalidValue);
}

}  // extern "C"
