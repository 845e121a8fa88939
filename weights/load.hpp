// Fits the tensors of a state dict to the parameters that a network expects.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/tensor.hpp"
#include "weights/stored_tensor.hpp"

namespace backlight {

/// A parameter or buffer that a network has.
struct ExpectedTensor {
  std::string name;
  Shape shape;
  /// An optional one may be missing, as `num_batches_tracked` may.
  bool optional = false;
};

struct MatchReport {
  /// `tensor` has the name and shape of `expected[index]`.
  struct Matched {
    std::size_t index;
    StoredTensor tensor;
  };
  /// A name without a partner; `nearest` is the most similar unpartnered name of the other side, or empty.
  struct Unpartnered {
    std::string name, nearest;
  };
  struct MisShaped {
    std::string name;
    Shape expected;
    std::vector<std::int64_t> found;
  };

  std::vector<Matched> matched;
  std::vector<Unpartnered> missing, unexpected;
  std::vector<MisShaped> mis_shaped;

  /// Every expected tensor is there in its shape. Unexpected tensors do not count against it.
  bool complete() const { return missing.empty() && mis_shaped.empty(); }
  /// Counts, the first few of each kind, and the nearest names; several lines.
  std::string describe() const;
};

/// The keys as torchvision names them: Caffe-style VGG `classifier.1/.4` become `.0/.3`; timm's VGG
/// `pre_logits.fc1` (4096×512×7×7), `pre_logits.fc2` and `head.fc` become `classifier.0/.3/.6` with matrices.
/// Others are kept.
std::vector<StoredTensor> with_torchvision_names(std::span<const StoredTensor> tensors);

/// Pairs by name after with_torchvision_names. `num_batches_tracked` that the network does not have is
/// ignored.
MatchReport match(std::span<const ExpectedTensor> expected, std::span<const StoredTensor> tensors);

/// Throws Error(bad_input) naming the tensor, the count and the first place when a value is NaN or infinite.
void require_finite(const std::string& name, const Tensor& tensor);

}  // namespace backlight
