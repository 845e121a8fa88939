// All ladders in one form, for what runs every version of every topic: the benchmark and the counters.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/cost.hpp"

namespace backlight {
class Context;
}

namespace backlight::study {

/// One problem of a topic.
struct Case {
  std::string shape;  ///< e.g. "1×512×14×14"
  Cost cost;
  bool counted;  ///< small enough for the emulator's counters
  /// Makes the inputs, random numbers, in the context's memory. The result runs one version on them, once, in
  /// the context's stream; it keeps them alive and must not outlive the context.
  std::function<std::function<void(std::size_t version)>(Context&)> prepare;
};

struct Topic {
  std::string_view name;  ///< its folder
  std::vector<std::string_view> versions;
  std::vector<Case> cases;
};

/// In the order of their names.
std::vector<Topic> topics();

}  // namespace backlight::study
