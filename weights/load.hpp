// Fits the tensors of a state dict to the parameters that a network expects.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "engine/core/tensor.hpp"
#include "weights/checkpoint.hpp"
#include "weights/stored_tensor.hpp"

namespace backlight {

/// A parameter or buffer that a network has.
struct ExpectedTensor {
  std::string name;
  Shape shape;
};

struct MatchReport {
  /// `tensor` has the name and shape of `expected[index]`.
  struct Matched {
    std::size_t index;
    StoredTensor tensor;
  };
  struct MisShaped {
    StoredTensor found;
    Shape expected;
  };

  std::vector<Matched> matched;
  std::vector<std::string> missing;  ///< names of the network
  std::vector<MisShaped> mis_shaped;
  /// Tensors that the network does not have and that would compute something in the network that the file is of.
  std::vector<StoredTensor> unexpected;
  /// Those that compute nothing (see unused.hpp), in file order.
  std::vector<StoredTensor> idle;

  /// Every expected tensor is there in its shape. Unexpected tensors do not count against it.
  bool complete() const { return missing.empty() && mis_shaped.empty(); }
  /// Counts, the first few of each kind, and the most similar names of the other side. Tensors of the file have
  /// the names that they have there, here and in describe_unexpected.
  std::string describe() const;
  /// The unexpected tensors, those inside of the network's own modules first.
  std::string describe_unexpected(std::span<const ExpectedTensor> expected) const;
};

/// Pairs by name; where that leaves something missing, after with_torchvision_names, if that fits better.
MatchReport match(std::span<const ExpectedTensor> expected, std::span<const StoredTensor> tensors);

/// The same for a whole file: by the names that the file has; then without its prefix, or without another
/// that stands before the names of the network; then below the prefix that all expected names share, which a
/// conversion may have left out. The first that is complete, otherwise the one that matches most. Throws as
/// Checkpoint::tensors does.
MatchReport match_file(std::span<const ExpectedTensor> expected, const Checkpoint& checkpoint);

/// Throws Error(bad_input) naming the tensor, the count and the first place when a value is NaN or infinite.
void require_finite(const std::string& name, const Tensor& tensor);

/// The same for a parameter, of which a variance (`running_var`) may not be negative either.
void require_usable(const std::string& name, const Tensor& tensor);

/// Throws Error(unsupported) naming a parameter whose elements are bytes or bools.
void require_parameter_type(const StoredTensor& tensor);

/// A parameter's values in float32, of which all of this holds. Errors name the file, too.
Tensor read_parameter(const Checkpoint& checkpoint, const StoredTensor& tensor);

}  // namespace backlight
