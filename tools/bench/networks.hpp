// The subcommands `network` and `explain`: whole networks, on random numbers.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "engine/run/program.hpp"
#include "engine/runtime/device.hpp"

namespace backlight::bench {

struct NetworkOptions {
  Device device = {};
  Precision precision = Precision::strict;
  cpu::Isa isa = cpu::best_isa();
  int threads = 0;  ///< 0 takes all processors
  int repeat = 20;
  std::int64_t batch = 1;
  bool tune = false;  ///< cuDNN's plans are chosen by measuring them
  Optimisations optimise = Optimisations::all();
};

/// What is timed, until its result is in the host's memory:
///   forward          the scores, N×K
///   grad_cam         the raw signed map of class 7 at pytorch-grad-cam's default layer, N×h×w
///   class_maps       the same of every class, K×h×w, of one image
///   guided_backprop  the input's gradient of that class under the guided rule, N×3×H×W
///   guided_grad_cam  that gradient times the rectified map, enlarged as captum does, N×3×H×W
///   eigen_cam, ablation_cam, score_cam
///                    the raw signed map of class 7 as pytorch-grad-cam has it, at the same layer, N×h×w
///   eigen_map        eigen_cam's without the forward, whose values are there
///   road             ROAD as pytorch-grad-cam has it, of one image and of a map that is the mean of the input's first
///                    channel over 7×7 blocks, enlarged bilinearly: the changes of the class's probability, 2×9, MoRF's
///                    first
enum class Job : std::uint8_t {
  forward,
  grad_cam,
  class_maps,
  guided_backprop,
  guided_grad_cam,
  eigen_cam,
  eigen_map,
  ablation_cam,
  score_cam,
  road
};

/// Where a network's numbers come from and its result goes; empty: random ones, and nowhere.
struct NetworkFiles {
  std::string weights = {};  ///< of the network that is named, as `explain` takes them
  std::string input = {};    ///< float32 of N×3×H×W, nothing else
  std::string output = {};   ///< the job's result as .npy, replaced
};

/// What an explanation asks for after the first of its shape.
struct Allocations {
  std::size_t blocks = 0;  ///< of tensor memory that no freed one could serve
  std::size_t heap = 0;    ///< calls of operator new
};

/// Medians in milliseconds.
struct NetworkTimes {
  double forward_ms;                  ///< the scores alone
  double explanation_ms;              ///< Grad-CAM at the default layer and Guided Backprop, layer by layer
  std::optional<double> replayed_ms;  ///< the same as an ExplanationGraph; CUDA only
  std::optional<Allocations> second;  ///< of one explanation; CPU only
};

/// Times one network, in the context of `options`. An explanation begins with an input in the host's memory,
/// and is done when the device is. Throws Error(usage) for an unknown name, and what the context throws.
NetworkTimes time_network(const std::string& name, Context& context, const NetworkOptions& options);

/// When what is timed begins.
struct Pace {
  bool paced = false;  ///< writes `ready`, and waits for a line on stdin before each time
  bool cold = false;   ///< the first time counts
};

/// Writes the milliseconds of every time the job is done, a line each, after a first that is not counted unless `cold`.
/// The first one's result is `files.output`. Throws Error(unsupported) for a device that this build emulates,
/// Error(bad_input) naming an input of another size, and as Context, load_model and the methods do.
void bench_network(const std::string& name, Job job, const NetworkOptions& options, Pace pace,
                   std::ostream& out, const NetworkFiles& files = {});

/// Writes a Markdown table of time_network, a row per network. One that fails has a row that says why;
/// returns whether none did. Throws as bench_network does.
bool bench_explanations(const std::vector<std::string>& names, const NetworkOptions& options,
                        std::ostream& out);

}  // namespace backlight::bench
