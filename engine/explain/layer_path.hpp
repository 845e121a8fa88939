// The path average: gradients along the straight way of a layer's value from nothing to what it is,
//
//   ḡ = 1/S Σ_{s=1..S} ∂y/∂A at (s/S)·A
//
// Where what follows the layer saturates (an LSTM's gates, attention, a sure softmax), ∂y/∂A at A itself is near zero
// and points anywhere; on the way there it is what made the score rise. These are the integrated gradients of
// Sundararajan et al. 2017 (arXiv:1703.01365) of the layer, from a baseline of zeros and by the right-hand sums: with
// many steps Σ ḡ∘A = y(A) − y(0). One step is the plain gradient. Only what follows the layer runs again.
#pragma once

#include <cstdint>
#include <span>

#include "engine/core/function_ref.hpp"
#include "engine/run/run.hpp"

namespace backlight {

/// Of what follows a layer, if nothing else is said.
constexpr std::int64_t kTailBytes = std::int64_t{256} << 20;

/// Fills `dy`, which is zero, with ∂y/∂scores of a target, where its image's scores are `scores`: of one row of the
/// batch, whatever its shape.
using ScoreGradient =
    FunctionRef<void(std::int64_t target, std::span<const double> scores, std::span<double> dy)>;

/// ḡ for targets about the images `images` of the run's batch, one target for each entry: targets×(the layer's value
/// without its batch), in the host's memory. `layer` is one of the run's ProgramOptions::resume_at and kept; `scores`
/// the node that dy is about. As many points go together as `batch_bytes` hold values behind the layer: no bit depends
/// on it. Throws Error(usage) for less than one step, an image that the batch does not have, and as Run::tail does.
Tensor path_gradients(const Run& run, const Context& context, NodeId layer, NodeId scores,
                      std::span<const std::int64_t> images, int steps, ScoreGradient score_gradient,
                      std::int64_t batch_bytes = kTailBytes);

/// How many rows from the layer on go together: as many as the bytes hold values behind it of, one at least.
std::int64_t rows_together(const Run& run, NodeId layer, std::int64_t batch_bytes);

}  // namespace backlight
