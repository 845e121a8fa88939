// The state behind the emulated CUDA runtime, and what its parts ask of each other. One lock guards it all;
// kernels run under it, too.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "../emulator.hpp"

namespace backlight::emulator {

/// Set when a stream has got that far.
struct Mark {
  bool reached = false;
  double milliseconds = 0;
};

struct Operation {
  std::function<cudaError_t()> run;       ///< may be empty
  std::shared_ptr<Mark> wait = nullptr;   ///< runs only after this
  std::shared_ptr<Mark> reach = nullptr;  ///< reached when done
};

struct GraphNode {
  Operation operation;
  std::vector<std::size_t> after;  ///< nodes that must run before
};

/// The recording of one graph. A stream that takes part knows the nodes that its next operation depends on.
struct Capture {
  cudaStream_t origin;
  cudaStreamCaptureMode mode;
  std::thread::id thread;  ///< that began it
  std::vector<GraphNode> nodes;
  bool invalid = false;
};

struct Allocation {
  std::size_t bytes;
  bool on_device;          ///< or pinned memory of the host
  int device;              ///< whose memory it is, or for which it was pinned
  cudaMemPool_t pool = nullptr;  ///< from which it comes in the order of a stream
  bool being_freed = false;
};

}  // namespace backlight::emulator

struct CUstream_st {
  int device = 0;
  bool is_legacy = false;  ///< the default stream of its device
  std::deque<backlight::emulator::Operation> queue;
  bool blocking = true;  ///< waits for the legacy default stream, and it for this one
  std::shared_ptr<backlight::emulator::Capture> capture;
  std::set<std::size_t> frontier;
};
struct CUevent_st {
  int device = 0;
  bool timing = true;
  std::shared_ptr<backlight::emulator::Mark> mark;
  std::shared_ptr<backlight::emulator::Capture> capture;
  std::set<std::size_t> frontier;
};
struct CUmemPoolHandle_st {
  explicit CUmemPoolHandle_st(int of) : device(of) {}
  int device;
  std::uint64_t release_threshold = 0;
  std::size_t bytes = 0;  ///< of memory handed out
};
struct CUgraph_st {
  std::vector<backlight::emulator::GraphNode> nodes;
};
struct CUgraphExec_st {
  std::vector<backlight::emulator::GraphNode> nodes;
};

namespace backlight::emulator {

/// What each device has of its own.
struct DeviceState {
  explicit DeviceState(int index) : pool(index) {
    legacy.device = index;
    legacy.is_legacy = true;
  }
  CUstream_st legacy;
  CUmemPoolHandle_st pool;  ///< the default one
  std::size_t bytes = 0;  ///< of memory handed out
};

/// The current device of the calling thread.
int& current_device();

class Runtime {
 public:
  Runtime();
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  std::recursive_mutex mutex;
  Options options;

  // --- errors
  /// Keeps `error` for cudaGetLastError and returns it.
  cudaError_t error(cudaError_t code);
  /// As above, and tells in words what is wrong.
  template <class... Parts>
  cudaError_t error(cudaError_t code, const Parts&... parts) {
    std::ostringstream out;
    (out << ... << parts);
    note(out.str());
    return error(code);
  }
  void note(const std::string& what);
  cudaError_t last_error(bool clear);
  std::string report;
  cudaError_t sticky = cudaSuccess;  ///< the device is lost, as after a failed kernel

  // --- memory
  cudaError_t allocate(void** block, const Allocation& allocation);
  cudaError_t release(void* block, bool on_device);
  /// The block that holds `address`, and where it starts; null when there is none.
  Allocation* find(const void* address, std::uintptr_t* begin = nullptr);
  /// True when all of [address, address + bytes) lies in one block, or in none at all and is pageable host
  /// memory.
  bool whole(const void* address, std::size_t bytes);
  bool on_device(const void* address);
  /// Empty when the address lies in the memory of `device`, or in none; else that it does not. Kernels of
  /// one device do not reach another's memory.
  std::string elsewhere(const void* address, int device);
  /// Says which red zone was written to, or nothing.
  std::string damage() const;
  std::map<std::uintptr_t, Allocation> allocations;
  /// Null when there is no such pool.
  CUmemPoolHandle_st* pool(cudaMemPool_t handle);
  std::vector<std::unique_ptr<CUmemPoolHandle_st>> pools;  ///< but for the devices' own

  // --- devices
  bool exists(int device) const { return device >= 0 && device < options.devices; }
  /// Made when the device is first used, as the runtime makes a context.
  DeviceState& device(int index);
  std::map<int, DeviceState> devices;

  // --- streams
  CUstream_st* stream(cudaStream_t handle);
  cudaError_t enqueue(cudaStream_t handle, Operation operation);
  /// Runs what is pending in one stream, up to a mark if one is given.
  void drain(CUstream_st& stream, const Mark* until = nullptr);
  void drain_until(const Mark& mark);
  cudaError_t drain_all();
  cudaError_t drain_device(int device);
  /// The default streams among them.
  std::vector<CUstream_st*> all_streams();
  std::vector<std::unique_ptr<CUstream_st>> streams;
  std::set<CUevent_st*> events;

  // --- graphs
  /// For calls that are not allowed while this thread captures a stream, or another does so in the global
  /// mode: the capture becomes invalid.
  cudaError_t refuse_in_capture(const char* call);
  std::set<CUgraph_st*> graphs;
  std::set<CUgraphExec_st*> executables;

  std::map<std::pair<int, const void*>, std::size_t> shared_limit;  ///< per device and kernel, where raised
  std::uint64_t threads_run = 0;

  std::map<const void*, const char*>
      objects;  ///< of the emulated libraries, with their plural, for leak_report

  void clear();

 private:
  void run(Operation operation);
};

Runtime& runtime();

}  // namespace backlight::emulator
