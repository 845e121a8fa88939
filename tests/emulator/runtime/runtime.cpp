#include "runtime.hpp"

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string_view>

namespace backlight::emulator {
namespace {

thread_local cudaError_t last = cudaSuccess;
thread_local int current = 0;

/// The value of an environment variable among the words allowed, as its index; 0 where it is not set.
std::size_t choice(const char* name, std::initializer_list<std::string_view> words) {
  const char* value = std::getenv(name);
  if (!value) return 0;
  std::size_t index = 0;
  for (const std::string_view word : words) {
    if (word == value) return index;
    ++index;
  }
  throw std::invalid_argument(std::string(name) + "=" + value + " is not known");
}

}  // namespace

Runtime::Runtime() {
  options.order = static_cast<Order>(choice("BACKLIGHT_EMULATOR_ORDER", {"forward", "reverse", "shuffled"}));
  options.streams = static_cast<Streams>(choice("BACKLIGHT_EMULATOR_STREAMS", {"eager", "deferred"}));
  if (const char* seed = std::getenv("BACKLIGHT_EMULATOR_SEED"))
    options.seed = std::strtoull(seed, nullptr, 10);
  if (const char* count = std::getenv("BACKLIGHT_EMULATOR_DEVICES")) {
    options.devices = std::atoi(count);
    if (options.devices < 1 || options.devices > 64)
      throw std::invalid_argument(std::string("BACKLIGHT_EMULATOR_DEVICES=") + count +
                                  ": expected a number from 1 to 64");
  }
}

Runtime::~Runtime() {
  const std::string leaks = leak_report();
  if (!leaks.empty()) std::fprintf(stderr, "emulator: never released: %s\n", leaks.c_str());
  clear();
}

int& current_device() { return current; }

DeviceState& Runtime::device(int index) { return devices.try_emplace(index, index).first->second; }

Runtime& runtime() {
  static Runtime instance;
  return instance;
}

cudaError_t Runtime::error(cudaError_t code) {
  if (code != cudaSuccess) last = code;
  return code;
}

void Runtime::note(const std::string& what) {
  std::fprintf(stderr, "emulator: %s\n", what.c_str());
  if (report.empty()) report = what;
}

cudaError_t Runtime::last_error(bool clear) {
  const cudaError_t code = last != cudaSuccess ? last : sticky;
  if (clear) last = cudaSuccess;
  return code;
}

void Runtime::clear() {
  streams.clear();
  pools.clear();
  for (CUevent_st* event : events) delete event;
  for (CUgraph_st* graph : graphs) delete graph;
  for (CUgraphExec_st* executable : executables) delete executable;
  events.clear();
  graphs.clear();
  executables.clear();
  while (!allocations.empty()) {
    const auto& [begin, allocation] = *allocations.begin();
    release(reinterpret_cast<void*>(begin), allocation.on_device);
  }
  devices.clear();
  current = 0;
  shared_limit.clear();
  objects.clear();
  sticky = last = cudaSuccess;
  report.clear();
}

Options& options() { return runtime().options; }

std::string take_report() {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  return std::exchange(r.report, {});
}

std::string leak_report() {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  std::size_t device = 0, pinned = 0, bytes = 0;
  for (const auto& [begin, allocation] : r.allocations) {
    ++(allocation.on_device ? device : pinned);
    bytes += allocation.bytes;
  }
  std::ostringstream out;
  const auto list = [&](std::size_t count, const char* what) {
    if (count) out << (out.tellp() > 0 ? ", " : "") << count << " " << what;
  };
  list(device, "blocks of device memory");
  list(pinned, "blocks of pinned memory");
  if (bytes) out << " (" << bytes << " bytes)";
  list(r.pools.size(), "pools of memory");
  list(r.streams.size(), "streams");
  list(r.events.size(), "events");
  list(r.graphs.size(), "graphs");
  list(r.executables.size(), "executable graphs");
  std::map<std::string_view, std::size_t> library;
  for (const auto& [object, kind] : r.objects) ++library[kind];
  for (const auto& [kind, number] : library) list(number, kind.data());
  return out.str();
}

void reset() {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  r.clear();
}

std::vector<int> devices_in_use() {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  std::vector<int> indices;
  for (const auto& [index, state] : r.devices) indices.push_back(index);
  return indices;
}

std::uint64_t threads_run() {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  return r.threads_run;
}

}  // namespace backlight::emulator
