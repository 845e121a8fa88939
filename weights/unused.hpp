// What the tensors of a file that a network does not use would have done: compute, or only keep books.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights/stored_tensor.hpp"

namespace backlight {

/// Whether a part of this path is one below which training keeps averages: `ema`, `model_ema`, `swa_model` …
bool is_average(std::string_view path);

/// Whether a part of this path is of an optimiser: `optim`, `optimizer_state_dict` …
bool is_optimizer(std::string_view path);

/// Tells tensors that compute nothing when a picture is classified from those that may: counters
/// (`num_batches_tracked`, `total_ops`, other integers), weights and states of losses, metrics and
/// optimisers, the auxiliary heads of GoogLeNet and Inception, queues of contrastive training, and averaged
/// twins of tensors that the file has too (`ema.conv1.weight` beside `conv1.weight`). Everything else may
/// compute.
class IdleTensors {
 public:
  /// `tensors` is the whole state dict; it must outlive this object.
  explicit IdleTensors(std::span<const StoredTensor> tensors);

  bool computes_nothing(const StoredTensor& tensor) const;

 private:
  /// Whether the file also has the tensor that `name` is an average of.
  bool has_twin(std::string_view name) const;

  std::vector<std::string> flat_names_;  ///< sorted, without dots and underscores
};

}  // namespace backlight
