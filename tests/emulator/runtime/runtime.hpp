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
#include <unordered_map>
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
  std::vector<GraphNode> nodes;
  bool invalid = false;
};

struct Allocation {
  std::size_t bytes;
  bool on_device;
  bool being_freed = false;
};

}  // namespace backlight::emulator

struct CUstream_st {
  std::deque<backlight::emulator::Operation> queue;
  bool blocking = true;  ///< waits for the legacy default stream, and it for this one
  std::shared_ptr<backlight::emulator::Capture> capture;
  std::set<std::size_t> frontier;
};
struct CUevent_st {
  bool timing = true;
  std::shared_ptr<backlight::emulator::Mark> mark;
  std::shared_ptr<backlight::emulator::Capture> capture;
  std::set<std::size_t> frontier;
};
struct CUgraph_st {
  std::vector<backlight::emulator::GraphNode> nodes;
};
struct CUgraphExec_st {
  std::vector<backlight::emulator::GraphNode> nodes;
};

namespace backlight::emulator {

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
  cudaError_t allocate(void** block, std::size_t bytes, bool on_device);
  cudaError_t release(void* block, bool on_device);
  /// The block that holds `address`, and where it starts; null when there is none.
  Allocation* find(const void* address, std::uintptr_t* begin = nullptr);
  /// True when all of [address, address + bytes) lies in one block, or in none at all and is pageable host
  /// memory.
  bool whole(const void* address, std::size_t bytes);
  bool on_device(const void* address);
  /// Says which red zone was written to, or nothing.
  std::string damage() const;
  std::map<std::uintptr_t, Allocation> allocations;
  std::size_t device_bytes = 0;

  // --- streams
  CUstream_st* stream(cudaStream_t handle);
  cudaError_t enqueue(cudaStream_t handle, Operation operation);
  /// Runs what is pending in one stream, up to a mark if one is given.
  void drain(CUstream_st& stream, const Mark* until = nullptr);
  void drain_until(const Mark& mark);
  cudaError_t drain_all();
  CUstream_st legacy;
  std::vector<std::unique_ptr<CUstream_st>> streams;
  std::set<CUevent_st*> events;

  // --- graphs
  bool capturing() const;
  /// For calls that are not allowed while any stream is being captured: the capture becomes invalid.
  cudaError_t refuse_in_capture(const char* call);
  std::set<CUgraph_st*> graphs;
  std::set<CUgraphExec_st*> executables;

  std::unordered_map<const void*, std::size_t> shared_limit;  ///< per kernel, where it was raised
  std::uint64_t threads_run = 0;

  std::map<const void*, const char*>
      objects;  ///< of the emulated libraries, with their plural, for leak_report

  void clear();

 private:
  void run(Operation operation);
};

Runtime& runtime();

}  // namespace backlight::emulator
