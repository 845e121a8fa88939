// Memory: blocks between red zones, filled with NaN when they are new and when they are freed.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "../fiber.hpp"
#include "runtime.hpp"

#ifdef EMULATOR_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace backlight::emulator {
namespace {

constexpr std::size_t kAlignment = 256, kRedZone = 256;
constexpr int kFill = 0xFF;  // NaN as a float

/// Bytes from a block's begin to the end of the red zone behind it.
std::size_t extent(std::size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment + kRedZone;
}

void guard([[maybe_unused]] std::uintptr_t begin, [[maybe_unused]] std::size_t bytes,
           [[maybe_unused]] bool on) {
#ifdef EMULATOR_ASAN
  const auto set = [on](std::uintptr_t at, std::size_t n) {
    void* address = reinterpret_cast<void*>(at);
    on ? __asan_poison_memory_region(address, n) : __asan_unpoison_memory_region(address, n);
  };
  set(begin - kRedZone, kRedZone);
  set(begin + bytes, extent(bytes) - bytes);
#endif
}

#ifdef EMULATOR_ASAN
constexpr bool kRedZonesReadable = false;  // AddressSanitizer stops at the first touch instead
#else
constexpr bool kRedZonesReadable = true;
#endif

std::string damage_of(std::uintptr_t begin, const Allocation& allocation) {
  if (!kRedZonesReadable) return {};
  const auto* block = reinterpret_cast<const unsigned char*>(begin);
  const auto hit = [](const unsigned char* from, const unsigned char* to) {
    return std::find_if(from, to, [](unsigned char byte) { return byte != kFill; });
  };
  std::ostringstream out;
  const char* kind = allocation.on_device ? "device" : "pinned";
  const unsigned char* end = block + allocation.bytes;
  if (const auto* at = hit(block - kRedZone, block); at != block)
    out << "out-of-bounds write " << block - at << " bytes before a " << kind << " block of "
        << allocation.bytes << " bytes";
  else if (const auto* behind = hit(end, block + extent(allocation.bytes));
           behind != block + extent(allocation.bytes))
    out << "out-of-bounds write " << behind - end << " bytes past the end of a " << kind << " block of "
        << allocation.bytes << " bytes";
  return out.str();
}

}  // namespace

cudaError_t Runtime::allocate(void** block, const Allocation& allocation) {
  const std::size_t bytes = allocation.bytes;
  if (!block) return error(cudaErrorInvalidValue);
  *block = nullptr;
  if (sticky != cudaSuccess) return error(sticky);
  if (bytes == 0) return cudaSuccess;
  DeviceState& where = device(allocation.device);
  if (allocation.on_device && (bytes > options.memory_bytes || where.bytes > options.memory_bytes - bytes))
    return error(cudaErrorMemoryAllocation);
  void* raw = std::aligned_alloc(kAlignment, kRedZone + extent(bytes));
  if (!raw) return error(cudaErrorMemoryAllocation);
  std::memset(raw, kFill, kRedZone + extent(bytes));
  const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(raw) + kRedZone;
  guard(begin, bytes, true);
  allocations[begin] = allocation;
  if (allocation.on_device) where.bytes += bytes;
  if (allocation.pool) allocation.pool->bytes += bytes;
  *block = reinterpret_cast<void*>(begin);
  return cudaSuccess;
}

cudaError_t Runtime::release(void* block, bool on_device) {
  if (!block) return cudaSuccess;
  const auto it = allocations.find(reinterpret_cast<std::uintptr_t>(block));
  if (it == allocations.end() || it->second.on_device != on_device)
    return error(cudaErrorInvalidValue, "freed a pointer that is no ", on_device ? "device" : "pinned",
                 " block");
  if (const std::string what = damage_of(it->first, it->second); !what.empty()) note(what);
  guard(it->first, it->second.bytes, false);
  if (on_device) device(it->second.device).bytes -= it->second.bytes;
  if (CUmemPoolHandle_st* from = pool(it->second.pool)) from->bytes -= it->second.bytes;
  unsigned char* raw = static_cast<unsigned char*>(block) - kRedZone;
  std::memset(raw, kFill, kRedZone + extent(it->second.bytes));
  allocations.erase(it);
  std::free(raw);
  return cudaSuccess;
}

Allocation* Runtime::find(const void* address, std::uintptr_t* begin) {
  const std::uintptr_t at = reinterpret_cast<std::uintptr_t>(address);
  auto it = allocations.upper_bound(at);
  if (it == allocations.begin()) return nullptr;
  --it;
  if (begin) *begin = it->first;
  return at - it->first < it->second.bytes ? &it->second : nullptr;
}

bool Runtime::whole(const void* address, std::size_t bytes) {
  std::uintptr_t begin = 0;
  const Allocation* allocation = find(address, &begin);
  return !allocation || reinterpret_cast<std::uintptr_t>(address) - begin + bytes <= allocation->bytes;
}

bool Runtime::on_device(const void* address) {
  const Allocation* allocation = find(address);
  return allocation && allocation->on_device;
}

std::string Runtime::elsewhere(const void* address, int device) {
  const Allocation* allocation = find(address);
  if (!allocation || !allocation->on_device || allocation->device == device) return {};
  std::ostringstream out;
  out << "lies in the memory of device " << allocation->device << ", which device " << device
      << " does not reach without peer access";
  return out.str();
}

std::string Runtime::damage() const {
  for (const auto& [begin, allocation] : allocations)
    if (std::string what = damage_of(begin, allocation); !what.empty()) return what;
  return {};
}

namespace {

/// Null when the copy is allowed, else what is wrong with it.
const char* copy_fault(Runtime& r, const void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  if (!to || !from) return "a null pointer";
  if (!r.whole(to, bytes)) return "writes past the end of its destination";
  if (!r.whole(from, bytes)) return "reads past the end of its source";
  const bool to_device = r.on_device(to), from_device = r.on_device(from);
  const bool fits = kind == cudaMemcpyDefault ||
                    (kind == cudaMemcpyHostToHost && !to_device && !from_device) ||
                    (kind == cudaMemcpyHostToDevice && to_device && !from_device) ||
                    (kind == cudaMemcpyDeviceToHost && !to_device && from_device) ||
                    (kind == cudaMemcpyDeviceToDevice && to_device && from_device);
  return fits ? nullptr : "the pointers do not lie where the direction says";
}

/// Checked again when it runs: in a deferred stream a block may have been freed meanwhile.
cudaError_t run_copy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  Runtime& r = runtime();
  if (const char* fault = copy_fault(r, to, from, bytes, kind))
    return r.error(cudaErrorIllegalAddress, "a pending copy of ", bytes, " bytes: ", fault,
                   "; was a block freed?");
  std::memcpy(to, from, bytes);
  return cudaSuccess;
}

}  // namespace
}  // namespace backlight::emulator

using namespace backlight::emulator;

extern "C" {

cudaError_t cudaMalloc(void** block, size_t bytes) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  if (const cudaError_t code = r.refuse_in_capture("cudaMalloc")) return code;
  return r.allocate(block, {.bytes = bytes, .on_device = true, .device = current_device()});
}

cudaError_t cudaFree(void* block) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  if (const cudaError_t code = r.refuse_in_capture("cudaFree")) return code;
  if (const Allocation* allocation = r.find(block)) r.drain_device(allocation->device);
  return r.release(block, true);
}

cudaError_t cudaMallocHost(void** block, size_t bytes) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  if (const cudaError_t code = r.refuse_in_capture("cudaMallocHost")) return code;
  return r.allocate(block, {.bytes = bytes, .on_device = false, .device = current_device()});
}

cudaError_t cudaFreeHost(void* block) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  if (const cudaError_t code = r.refuse_in_capture("cudaFreeHost")) return code;
  r.drain_all();
  return r.release(block, false);
}

cudaError_t cudaMemGetInfo(size_t* free_bytes, size_t* total_bytes) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  *free_bytes = r.options.memory_bytes - r.device(current_device()).bytes;
  *total_bytes = r.options.memory_bytes;
  return cudaSuccess;
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* pointer) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  const Allocation* allocation = r.find(pointer);
  *attributes = {};
  attributes->device = allocation ? allocation->device : -2;
  attributes->type = !allocation             ? cudaMemoryTypeUnregistered
                     : allocation->on_device ? cudaMemoryTypeDevice
                                             : cudaMemoryTypeHost;
  if (allocation) attributes->devicePointer = const_cast<void*>(pointer);
  if (!allocation || !allocation->on_device) attributes->hostPointer = const_cast<void*>(pointer);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  CUstream_st* s = r.stream(stream);
  if (!s) return r.error(cudaErrorInvalidResourceHandle);
  if (bytes == 0) return cudaSuccess;
  if (const char* fault = copy_fault(r, to, from, bytes, kind))
    return r.error(cudaErrorInvalidValue, "a copy of ", bytes, " bytes: ", fault);
  // The driver reaches a pool's memory from its own device alone (NVIDIA bug 3446335).
  const Allocation *target = r.find(to), *source = r.find(from);
  const bool from_pool = (target && target->pool) || (source && source->pool);
  for (const Allocation* block : {target, source})
    if (from_pool && block && block->on_device && block->device != current_device())
      return r.error(cudaErrorInvalidValue, "a copy with a pool's memory, in which device ", block->device,
                     " takes part while device ", current_device(),
                     " is the current one: set the device, or use cudaMemcpyPeerAsync between two");
  const bool pageable_source = !source, pageable_destination = !target;
  if (pageable_source && !s->capture) {  // the driver stages pageable memory before the call returns
    const auto* bytes_now = static_cast<const unsigned char*>(from);
    auto staged = std::make_shared<std::vector<unsigned char>>(bytes_now, bytes_now + bytes);
    return r.enqueue(stream, {[=] { return run_copy(to, staged->data(), bytes, cudaMemcpyDefault); }});
  }
  if (const cudaError_t code = r.enqueue(stream, {[=] { return run_copy(to, from, bytes, kind); }}))
    return code;
  if (pageable_destination && !s->capture) r.drain(*s);  // such a copy returns when it is done
  return r.error(r.sticky);
}

cudaError_t cudaMemcpyPeerAsync(void* to, int to_device, const void* from, int from_device, size_t bytes,
                                cudaStream_t stream) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  if (!r.exists(to_device) || !r.exists(from_device)) return r.error(cudaErrorInvalidDevice);
  if (!r.stream(stream)) return r.error(cudaErrorInvalidResourceHandle);
  if (bytes == 0) return cudaSuccess;
  if (const char* fault = copy_fault(r, to, from, bytes, cudaMemcpyDeviceToDevice))
    return r.error(cudaErrorInvalidValue, "a copy between devices of ", bytes, " bytes: ", fault);
  if (r.find(to)->device != to_device || r.find(from)->device != from_device)
    return r.error(cudaErrorInvalidValue, "cudaMemcpyPeerAsync from device ", from_device, " to device ",
                   to_device, ": the pointers lie on devices ", r.find(from)->device, " and ",
                   r.find(to)->device);
  return r.enqueue(stream, {[=] { return run_copy(to, from, bytes, cudaMemcpyDeviceToDevice); }});
}

cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  if (const cudaError_t code = r.refuse_in_capture("cudaMemcpy")) return code;
  if (const cudaError_t code = cudaMemcpyAsync(to, from, bytes, kind, nullptr)) return code;
  r.drain(r.device(current_device()).legacy);
  return r.error(r.sticky);
}

cudaError_t cudaMemsetAsync(void* block, int value, size_t bytes, cudaStream_t stream) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  if (bytes == 0) return cudaSuccess;
  const CUstream_st* s = r.stream(stream);
  if (!s) return r.error(cudaErrorInvalidResourceHandle);
  if (const std::string where = r.elsewhere(block, s->device); !where.empty())
    return r.error(cudaErrorInvalidValue, "what cudaMemset was given ", where);
  const auto allowed = [=, &r] { return r.on_device(block) && r.whole(block, bytes); };
  if (!allowed())
    return r.error(cudaErrorInvalidValue, "cudaMemset of ", bytes,
                   " bytes that are not all in one device block");
  return r.enqueue(stream, {[=, &r] {
                     if (!allowed())
                       return r.error(cudaErrorIllegalAddress, "a pending cudaMemset of freed memory");
                     std::memset(block, value, bytes);
                     return cudaSuccess;
                   }});
}

cudaError_t cudaMemset(void* block, int value, size_t bytes) {
  return cudaMemsetAsync(block, value, bytes, nullptr);
}

}  // extern "C"
