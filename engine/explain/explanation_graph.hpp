// A whole explanation, from the network's input to pictures, recorded once as a CUDA graph and replayed for
// every batch of the same shape: one launch instead of hundreds, and no allocation.
#pragma once

#include <optional>
#include <span>

#include "engine/explain/device_display.hpp"
#include "engine/explain/explanation.hpp"
#include "kernels/preprocess/device_preprocess.hpp"

namespace backlight {

namespace cuda {
class Graph;
}

struct ExplanationGraphOptions {
  NodeId layer = 0;  ///< of the Grad-CAM
  AlphaReduction reduction = AlphaReduction::mean;
  std::optional<BackwardRule> gradient = {};  ///< the input's gradient, too, under this rule
  /// Explains each image's best class, found on the device; otherwise the classes given to each run.
  bool best_class = false;
  Direction direction = Direction::evidence;
  /// Pictures of the map, and of the gradient if there is one; one of those that `shown_on_device` names.
  std::optional<Preset> display = {};
  bool bgr = false;  ///< the network's channel order, for pictures of the gradient
};

/// Belongs to one calling thread at a time. Has a stream, memory, plans and a workspace of its own, which is
/// why what it recorded stays valid. The network must outlive it, and its parameters must stay where they
/// are; new values written there are used.
class ExplanationGraph {
 public:
  /// In the memory of context(), and overwritten by the next run.
  struct Result {
    Tensor scores;            ///< N×K, before any softmax
    Tensor classes;           ///< N of i64
    Tensor alpha;             ///< N×K
    DeviceMap map;            ///< without the ReLU
    Tensor gradient;          ///< N×C×H×W; undefined where none was asked for
    DeviceDisplay display;    ///< empty where none was asked for
    DeviceSaliency saliency;  ///< of display.product, with a display and a gradient
  };

  /// `input` is N×C×H×W. Runs the explanation once, on zeros, before it is recorded. Throws as Context,
  /// Explanation and display_on_device do; Error(usage) for a device other than CUDA.
  ExplanationGraph(const Network& network, const Shape& input, const ExplanationGraphOptions& options,
                   Device device, Precision precision = Precision::strict);
  ~ExplanationGraph();

  /// What a run explains. `preprocess_on_device` with context() fills it; a display wants its pictures, too.
  DeviceInput& input() { return input_; }
  Context& context() { return context_; }

  /// Explains what input() holds. One class per image, none with best_class. Throws Error(usage) for a class
  /// that does not exist. Returns before the device is done; Context::to_host waits.
  const Result& run(std::span<const std::int64_t> classes = {});
  /// The same for `x`, of the recorded shape, in the host's memory or in the device's (computed:
  /// synchronize() its context first). Throws Error(usage) for another shape.
  const Result& run(const Tensor& x, std::span<const std::int64_t> classes = {});

 private:
  Result explain();

  Programs programs_;
  ExplanationGraphOptions options_;
  Context context_;
  DeviceInput input_;
  std::int64_t classes_in_all_ = 0;
  Tensor asked_;
  Result result_;
  std::shared_ptr<cuda::Graph> graph_;
};

}  // namespace backlight
