// The loss that classifiers are trained with: a function of a network's scores, not a node.
#pragma once

#include <cstdint>
#include <span>

#include "engine/core/tensor.hpp"
#include "engine/runtime/device.hpp"

namespace backlight {

struct CrossEntropy {
  double loss = 0;  ///< mean over the batch
  Tensor dlogits;   ///< ∂loss/∂logits, N×K: the seed of a backward pass
};

/// Mean of −log softmax(logits)[label], logits N×K in the context's memory and labels N×`labels_per_row`, row
/// by row: a row's target is the mean of the one-hot vectors of its labels, of which some may be equal. With
/// `label_smoothing` that share of each target is spread over all classes. Throws Error(bad_input) for a
/// label outside [0, K) and Error(usage) for a smoothing outside [0, 1]. Waits for the loss.
CrossEntropy cross_entropy(Context& context, const Tensor& logits, std::span<const std::int64_t> labels,
                           double label_smoothing = 0, std::int64_t labels_per_row = 1);

/// Where a place of a sequence has no label.
inline constexpr std::int64_t kNoLabel = -1;

/// The same of sequences, logits N×T×K and labels N×T: the mean over all places that have a label; the gradient is 0 at
/// the others. Throws as above, and Error(bad_input) where no place has one.
CrossEntropy sequence_cross_entropy(Context& context, const Tensor& logits,
                                    std::span<const std::int64_t> labels, double label_smoothing = 0);

}  // namespace backlight
