// Streams, events, and the launch of kernels.
#include <algorithm>
#include <chrono>

#include "../fiber.hpp"
#include "emulated_launch.hpp"
#include "runtime.hpp"

namespace backlight::emulator {
namespace {

double now() {
  const auto time = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::milli>(time).count();
}

/// Null when the kernel may touch what its pointer arguments point to.
std::string argument_fault(Runtime& r, const Launch& launch, int device) {
  std::ostringstream out;
  for (const PointerArgument& p : launch.pointers) {
    if (!p.address) continue;
    if (!r.find(p.address))
      out << "kernel argument " << p.position << " is a host pointer or a block that was freed";
    else if (const std::string where = r.elsewhere(p.address, device); !where.empty())
      out << "kernel argument " << p.position << " " << where;
    else if (reinterpret_cast<std::uintptr_t>(p.address) % p.alignment != 0)
      out << "kernel argument " << p.position << " is misaligned: " << p.alignment << " bytes are needed";
    if (out.tellp() > 0) break;
  }
  return out.str();
}

cudaError_t run_kernel(const Launch& launch, int device) {
  Runtime& r = runtime();
  if (const std::string fault = argument_fault(r, launch, device); !fault.empty()) {
    const bool misaligned = fault.ends_with("are needed");
    return r.error(misaligned ? cudaErrorMisalignedAddress : cudaErrorIllegalAddress, fault);
  }
  const Grid grid{launch.grid, launch.block, launch.shared_bytes, r.options.order, r.options.seed};
  const std::string fault = run_grid(grid, launch.body, launch.call.get());
  r.threads_run +=
      std::uint64_t{grid.grid.x} * grid.grid.y * grid.grid.z * grid.block.x * grid.block.y * grid.block.z;
  if (!fault.empty()) return r.error(cudaErrorLaunchFailure, fault);
  if (const std::string damage = r.damage(); !damage.empty()) return r.error(cudaErrorIllegalAddress, damage);
  return cudaSuccess;
}

}  // namespace

CUstream_st* Runtime::stream(cudaStream_t handle) {
  if (!handle || handle == cudaStreamLegacy) return &device(current_device()).legacy;
  return std::ranges::any_of(streams, [&](const auto& s) { return s.get() == handle; }) ? handle : nullptr;
}

void Runtime::run(Operation operation) {
  if (operation.run && sticky == cudaSuccess) sticky = operation.run();
  if (operation.reach) *operation.reach = {true, now()};
}

void Runtime::drain(CUstream_st& s, const Mark* until) {
  while (!s.queue.empty() && !(until && until->reached)) {
    if (const auto wait = s.queue.front().wait; wait && !wait->reached) drain_until(*wait);
    Operation operation = std::move(s.queue.front());
    s.queue.pop_front();
    run(std::move(operation));
  }
}

void Runtime::drain_until(const Mark& mark) {
  const auto holds = [&](const CUstream_st& s) {
    return std::ranges::any_of(s.queue, [&](const Operation& o) { return o.reach.get() == &mark; });
  };
  for (CUstream_st* s : all_streams())
    if (holds(*s)) return drain(*s, &mark);
}

std::vector<CUstream_st*> Runtime::all_streams() {
  std::vector<CUstream_st*> all;
  for (auto& [index, state] : devices) all.push_back(&state.legacy);
  for (const auto& s : streams) all.push_back(s.get());
  return all;
}

// Streams are not ordered among each other: which goes first is a matter of the chosen order.
cudaError_t Runtime::drain_all() {
  std::vector<CUstream_st*> all = all_streams();
  if (options.order == Order::reverse) std::ranges::reverse(all);
  for (CUstream_st* s : all) drain(*s);
  return error(sticky);
}

cudaError_t Runtime::drain_device(int device) {
  std::vector<CUstream_st*> all = all_streams();
  if (options.order == Order::reverse) std::ranges::reverse(all);
  for (CUstream_st* s : all)
    if (s->device == device) drain(*s);
  return error(sticky);
}

cudaError_t Runtime::enqueue(cudaStream_t handle, Operation operation) {
  CUstream_st* s = stream(handle);
  if (!s) return error(cudaErrorInvalidResourceHandle);
  if (s->capture) {
    if (s->capture->invalid) return error(cudaErrorStreamCaptureInvalidated);
    s->capture->nodes.push_back({std::move(operation), {s->frontier.begin(), s->frontier.end()}});
    s->frontier = {s->capture->nodes.size() - 1};
    return cudaSuccess;
  }
  const auto blocks = [s](const auto& other) { return other->blocking && other->device == s->device; };
  if (s->is_legacy && std::ranges::any_of(streams, [&](const auto& t) { return t->capture && blocks(t); }))
    return error(cudaErrorStreamCaptureImplicit,
                 "work in the default stream while a blocking stream is captured");
  if (sticky != cudaSuccess) return error(sticky);
  if (s->is_legacy) {
    for (const auto& t : streams)
      if (blocks(t)) drain(*t);
  } else if (s->blocking) {
    drain(device(s->device).legacy);
  }
  s->queue.push_back(std::move(operation));
  if (options.streams == Streams::eager) drain(*s);
  return error(sticky);
}

cudaError_t enqueue(Launch launch, cudaStream_t stream) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  const dim3 g = launch.grid, b = launch.block;
  const std::uint64_t threads = std::uint64_t{b.x} * b.y * b.z;
  if (threads == 0 || threads > 1024 || b.z > 64 || g.x == 0 || g.y == 0 || g.z == 0 || g.x > 0x7fffffffu ||
      g.y > 65535 || g.z > 65535)
    return r.error(cudaErrorInvalidConfiguration, "a grid of ", g.x, "×", g.y, "×", g.z, " blocks of ", b.x,
                   "×", b.y, "×", b.z, " threads cannot be launched");
  const CUstream_st* s = r.stream(stream);
  if (!s) return r.error(cudaErrorInvalidResourceHandle);
  if (s->device != current_device())
    return r.error(cudaErrorInvalidResourceHandle, "a kernel was launched in a stream of device ", s->device,
                   " while device ", current_device(), " is the current one");
  const auto raised = r.shared_limit.find({s->device, launch.kernel});
  const std::size_t limit = raised == r.shared_limit.end() ? std::size_t{48} << 10 : raised->second;
  if (launch.shared_bytes > limit)
    return r.error(cudaErrorInvalidValue, launch.shared_bytes,
                   " bytes of dynamic shared memory, but the kernel may have ", limit);
  return r.enqueue(stream,
                   {[launch = std::move(launch), device = s->device] { return run_kernel(launch, device); }});
}

}  // namespace backlight::emulator

using namespace backlight::emulator;

extern "C" {

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize || value < 0 || value > (227 << 10))
    return r.error(cudaErrorInvalidValue);
  r.shared_limit[{current_device(), kernel}] = static_cast<std::size_t>(value);
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  if (r.sticky != cudaSuccess) return r.error(r.sticky);
  r.streams.push_back(std::make_unique<CUstream_st>());
  *stream = r.streams.back().get();
  (*stream)->device = current_device();
  r.device(current_device());
  (*stream)->blocking = !(flags & cudaStreamNonBlocking);
  return cudaSuccess;
}
cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  CUstream_st* s = r.stream(stream);
  if (!s || s->is_legacy) return r.error(cudaErrorInvalidResourceHandle);
  r.drain(*s);
  std::erase_if(r.streams, [&](const auto& owned) { return owned.get() == s; });
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  CUstream_st* s = r.stream(stream);
  if (!s) return r.error(cudaErrorInvalidResourceHandle);
  if (s->capture) {
    s->capture->invalid = true;
    return r.error(cudaErrorStreamCaptureUnsupported,
                   "cudaStreamSynchronize of a stream that is being captured");
  }
  r.drain(*s);
  return r.error(r.sticky);
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  CUstream_st* s = r.stream(stream);
  if (!s) return r.error(cudaErrorInvalidResourceHandle);
  if (r.sticky != cudaSuccess) return r.error(r.sticky);
  return s->queue.empty() ? cudaSuccess : cudaErrorNotReady;
}

cudaError_t cudaDeviceSynchronize() {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  if (const cudaError_t code = r.refuse_in_capture("cudaDeviceSynchronize")) return code;
  return r.drain_device(current_device());
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* data) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  return r.enqueue(stream, {[=] {
                     function(data);
                     return cudaSuccess;
                   }});
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  *event = new CUevent_st;
  (*event)->device = current_device();
  (*event)->timing = !(flags & cudaEventDisableTiming);
  r.events.insert(*event);
  return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  if (!r.events.erase(event)) return r.error(cudaErrorInvalidResourceHandle);
  delete event;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  CUstream_st* s = r.stream(stream);
  if (!s || !r.events.contains(event)) return r.error(cudaErrorInvalidResourceHandle);
  if (event->device != s->device)
    return r.error(cudaErrorInvalidResourceHandle, "an event of device ", event->device,
                   " was recorded in a stream of device ", s->device);
  event->capture = s->capture;
  event->frontier = s->frontier;
  if (s->capture) return cudaSuccess;
  event->mark = std::make_shared<Mark>();
  return r.enqueue(stream, {nullptr, nullptr, event->mark});
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  CUstream_st* s = r.stream(stream);
  if (!s || !r.events.contains(event)) return r.error(cudaErrorInvalidResourceHandle);
  if (event->capture) {  // a fork into the capture, or a join within it
    if (s->capture && s->capture != event->capture)
      return r.error(cudaErrorStreamCaptureUnsupported, "an event of one capture is awaited in another");
    s->capture = event->capture;
    s->frontier.insert(event->frontier.begin(), event->frontier.end());
    return cudaSuccess;
  }
  if (s->capture)
    return r.error(cudaErrorStreamCaptureIsolation,
                   "a captured stream waits for an event outside of the capture");
  return event->mark ? r.enqueue(stream, {nullptr, event->mark, nullptr}) : cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  if (!r.events.contains(event)) return r.error(cudaErrorInvalidResourceHandle);
  if (event->mark && !event->mark->reached) r.drain_until(*event->mark);
  return r.error(r.sticky);
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  if (!r.events.contains(event)) return r.error(cudaErrorInvalidResourceHandle);
  return !event->mark || event->mark->reached ? cudaSuccess : cudaErrorNotReady;
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  if (!r.events.contains(start) || !r.events.contains(end) || !start->timing || !end->timing ||
      !start->mark || !end->mark)
    return r.error(cudaErrorInvalidResourceHandle);
  if (start->device != end->device)
    return r.error(cudaErrorInvalidResourceHandle, "the time between an event of device ", start->device,
                   " and one of device ", end->device);
  if (!start->mark->reached || !end->mark->reached) return cudaErrorNotReady;
  *milliseconds = static_cast<float>(end->mark->milliseconds - start->mark->milliseconds);
  return cudaSuccess;
}

}  // extern "C"
