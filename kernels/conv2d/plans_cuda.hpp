// The plans that a stream has made so far.
#pragma once

#include <map>
#include <optional>

#include "kernels/conv2d/plan_cuda.hpp"

namespace backlight::cuda {

/// `stream.part<ConvPlans>()`
class ConvPlans {
 public:
  explicit ConvPlans(Stream& stream) : stream_(stream) {}

  /// The plan for a problem: the first of cuDNN's heuristics, or the fastest where the stream tunes. Null
  /// where cuDNN has none. Throws Error(internal) for a new problem while the stream is captured.
  const ConvPlan* find(Context& context, const ConvProblem& problem);
  /// As find; throws Error(unsupported) where cuDNN has no plan.
  const ConvPlan& get(Context& context, const ConvProblem& problem);

  /// Problems that were planned, with success or without.
  std::size_t size() const { return plans_.size(); }

 private:
  std::size_t fastest(Context& context, const ConvProblem& problem, const std::vector<ConvPlan>& plans);

  Stream& stream_;
  std::map<ConvProblem, std::optional<ConvPlan>> plans_;
};

}  // namespace backlight::cuda
