// NumPy arrays and scalars inside of a pickle, as tensors.
#pragma once

#include <string>

#include "weights/pickle.hpp"
#include "weights/stored_tensor.hpp"

namespace backlight::weights {

enum class NumpyKind : std::uint8_t { none, scalar, array };

/// What a node describes: an array by `numpy.core.multiarray._reconstruct` or
/// `numpy.core.numeric._frombuffer`, a scalar by `numpy.core.multiarray.scalar` (`numpy._core` since NumPy
/// 2).
NumpyKind numpy_kind(const Pickle& pickle, PickleId id);

/// The tensor of a node that is not `none`; `input` is what the pickle's text points into. Throws Error
/// naming the tensor: unsupported for types that checkpoints do not have here, bad_input where shape and data
/// differ.
StoredTensor numpy_tensor(const Pickle& pickle, PickleId id, const std::string& name,
                          const SharedBytes& input);

}  // namespace backlight::weights
