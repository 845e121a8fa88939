// Weights that PyTorch keeps in parts: pruned (torch.nn.utils.prune), weight-normed and spectral-normed ones,
// in the old form of attributes and the new one of torch.nn.utils.parametrizations.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "weights/stored_tensor.hpp"

namespace backlight {

/// The state dict with the weights that layers compute with in evaluation, in place of their parts; they are
/// computed (in float32) when they are read, and are not made where the file has the weight as well:
///
///     N_orig, N_mask                                           N = N_orig · N_mask
///     N_g, N_v;  parametrizations.N.original0, .original1      N = g · v / ‖v‖, the norm over the dimensions
///                                                              in which g has the extent 1
///     N_orig, N_u, N_v;  parametrizations.N.original, .0._u, .0._v
///                                                              N = W / (uᵀ W v), W flattened to a matrix
std::vector<StoredTensor> with_computed_weights(std::span<const StoredTensor> tensors);

/// Parts of weights that with_computed_weights leaves as they are, because how they make up the weight is not
/// told by the file: other parametrizations, or a part without the others. In file order.
std::vector<std::string> uncomputed_parts(std::span<const StoredTensor> tensors);

}  // namespace backlight
