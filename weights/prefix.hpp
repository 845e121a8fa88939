// Prefixes of keys: what wrappers (`module.`, `model.`) and larger modules (`encoder.`, `student.`) put
// before the names that a network has by itself.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights/stored_tensor.hpp"

namespace backlight {

/// A network known here, whether built or not, whose keys all begin with `prefix` (empty, or with its dot).
struct NetworkBelow {
  std::string prefix;
  std::size_t tensors = 0;
};

/// Networks in the order of the file, none inside another.
std::vector<NetworkBelow> find_networks(std::span<const StoredTensor> tensors);

/// The prefix to leave out: that of the only network, if most tensors are of it (averaged twins and tensors
/// that compute nothing do not count); where no network is known, the wrappers `module.`, `model.`,
/// `_orig_mod.` and `backbone.` that all tensors share. Empty otherwise.
std::string choose_prefix(std::span<const StoredTensor> tensors, std::span<const NetworkBelow> networks);

/// Whether all tensors that may compute lie below `prefix`: then names without it tell as much as names with
/// it.
bool covers(std::string_view prefix, std::span<const StoredTensor> tensors);

/// Whether something of the name is left without `prefix`.
inline bool is_below(std::string_view name, std::string_view prefix) {
  return name.starts_with(prefix) && name.size() > prefix.size();
}

/// Tensors below `prefix` without it, then the others under their own names.
std::vector<StoredTensor> without_prefix(std::span<const StoredTensor> tensors, std::string_view prefix);

/// `"student." (122 tensors), "teacher." (122 tensors)`
std::string listed(std::span<const NetworkBelow> networks);

}  // namespace backlight
