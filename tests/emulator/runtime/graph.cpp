// Capture of a stream's work into a graph, and its replay.
#include <algorithm>

#include "runtime.hpp"

namespace backlight::emulator {
namespace {

/// Runs the nodes in an order that their dependencies allow; the chosen order decides between several, so
/// that a dependency that is missing shows.
cudaError_t replay(const std::vector<GraphNode>& nodes) {
  const Options& options = runtime().options;
  std::vector<bool> done(nodes.size(), false);
  std::uint64_t random = options.seed;
  for (std::size_t step = 0; step < nodes.size(); ++step) {
    std::vector<std::size_t> ready;
    for (std::size_t i = 0; i < nodes.size(); ++i)
      if (!done[i] && std::ranges::all_of(nodes[i].after, [&](std::size_t k) { return done[k]; }))
        ready.push_back(i);
    random = random * 6364136223846793005u + 1442695040888963407u;
    const std::size_t pick = options.order == Order::forward   ? 0
                             : options.order == Order::reverse ? ready.size() - 1
                                                               : (random >> 33) % ready.size();
    done[ready[pick]] = true;
    if (const cudaError_t code = nodes[ready[pick]].operation.run()) return code;
  }
  return cudaSuccess;
}

/// True when every node leads to the frontier of the stream in which the capture began.
bool joined(const Capture& capture, const std::set<std::size_t>& frontier) {
  std::vector<bool> reached(capture.nodes.size(), false);
  std::vector<std::size_t> open(frontier.begin(), frontier.end());
  while (!open.empty()) {
    const std::size_t node = open.back();
    open.pop_back();
    if (reached[node]) continue;
    reached[node] = true;
    open.insert(open.end(), capture.nodes[node].after.begin(), capture.nodes[node].after.end());
  }
  return std::ranges::find(reached, false) == reached.end();
}

}  // namespace

cudaError_t Runtime::refuse_in_capture(const char* call) {
  bool refused = false;
  for (const auto& s : streams) {
    if (!s->capture || s->capture->mode == cudaStreamCaptureModeRelaxed) continue;
    if (s->capture->mode == cudaStreamCaptureModeThreadLocal &&
        s->capture->thread != std::this_thread::get_id())
      continue;
    s->capture->invalid = refused = true;
  }
  if (!refused) return cudaSuccess;
  return error(cudaErrorStreamCaptureUnsupported, call, " while a stream is being captured");
}

}  // namespace backlight::emulator

using namespace backlight::emulator;

extern "C" {

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  CUstream_st* s = r.stream(stream);
  if (!s) return r.error(cudaErrorInvalidResourceHandle);
  if (s->is_legacy || s->capture) return r.error(cudaErrorStreamCaptureUnsupported);
  s->capture = std::make_shared<Capture>();
  s->capture->origin = stream;
  s->capture->mode = mode;
  s->capture->thread = std::this_thread::get_id();
  s->frontier.clear();
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  *graph = nullptr;
  CUstream_st* s = r.stream(stream);
  if (!s) return r.error(cudaErrorInvalidResourceHandle);
  if (!s->capture || s->capture->origin != stream) return r.error(cudaErrorStreamCaptureUnmatched);
  const std::shared_ptr<Capture> capture = s->capture;
  const bool complete = joined(*capture, s->frontier);
  for (const auto& t : r.streams) {
    if (t->capture != capture) continue;
    t->capture = nullptr;
    t->frontier.clear();
  }
  for (CUevent_st* event : r.events)
    if (event->capture == capture) event->capture = nullptr;
  if (capture->invalid) return r.error(cudaErrorStreamCaptureInvalidated);
  if (!complete)
    return r.error(cudaErrorStreamCaptureUnjoined,
                   "a stream that was forked into the capture was not joined again");
  *graph = new CUgraph_st{std::move(capture->nodes)};
  r.graphs.insert(*graph);
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  CUstream_st* s = r.stream(stream);
  if (!s) return r.error(cudaErrorInvalidResourceHandle);
  *status = !s->capture           ? cudaStreamCaptureStatusNone
            : s->capture->invalid ? cudaStreamCaptureStatusInvalidated
                                  : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  if (!r.graphs.contains(graph)) return r.error(cudaErrorInvalidValue);
  *executable = new CUgraphExec_st{graph->nodes};
  r.executables.insert(*executable);
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  if (!r.executables.contains(executable)) return r.error(cudaErrorInvalidValue);
  return r.enqueue(stream, {[executable] { return replay(executable->nodes); }});
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  if (!r.executables.contains(executable)) return r.error(cudaErrorInvalidValue);
  r.drain_all();
  r.executables.erase(executable);
  delete executable;
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  if (!r.graphs.erase(graph)) return r.error(cudaErrorInvalidValue);
  delete graph;
  return cudaSuccess;
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, size_t* count) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  if (!r.graphs.contains(graph) || nodes) return r.error(cudaErrorInvalidValue);
  *count = graph->nodes.size();
  return cudaSuccess;
}

}  // extern "C"
