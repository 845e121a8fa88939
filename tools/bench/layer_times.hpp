// How long each layer of a network takes within whole passes on the CPU, by which kernel, and how near the processor's
// peaks that is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/run/programs.hpp"
#include "tools/bench/peak.hpp"

namespace backlight::bench {

/// Over the repeated passes.
struct PassTime {
  double median_ms, least_ms;
};

/// One call of a layer, with what is computed in the same pass over memory.
struct LayerTime {
  std::string name, kind;  ///< the kind with what is fused: "conv2d + add + relu"
  bool backward;
  std::string kernel;  ///< Work::kernel
  Shape shape;         ///< of its first value
  PassTime time;
  std::int64_t operations, executed;  ///< as Work has them
  std::int64_t bytes;                 ///< of what it reads and writes, once each
};

struct LayerTimes {
  std::vector<LayerTime> layers;  ///< in the order in which they ran
  PassTime whole;                 ///< with what comes between layers
};

/// Times `repeat` passes, after one that is not counted: a forward of x (N×C×H×W, in the host's memory), and with a
/// `layer` Grad-CAM of class 0 there. Throws as Run and Explanation do.
LayerTimes time_layers(Programs& programs, Context& context, const Tensor& x, std::optional<NodeId> layer,
                       int repeat);

}  // namespace backlight::bench
