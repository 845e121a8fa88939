// What the three containers of PyTorch have in common: one pickled object whose tensors point into storages.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights/checkpoint.hpp"
#include "weights/file_bytes.hpp"
#include "weights/pickle.hpp"
#include "weights/stored_tensor.hpp"

namespace backlight::weights {

/// The persistent id of a storage: `("storage", type, key, location, numel[, view])`.
struct StorageId {
  struct View {
    std::int64_t offset, numel;  ///< elements
  };
  std::string key;
  StoredType dtype;
  std::int64_t numel;
  std::optional<View> view;
};

/// Reads a StorageId from the value of a persistent id. Throws Error.
StorageId storage_id(const Pickle& pickle, PickleId id);

/// The element type of `torch.FloatStorage` and its like. Throws Error(unsupported) naming types that are not
/// read.
StoredType storage_type(const Pickle& pickle, PickleId id);

/// An integer, or a string or integer as text. Throw Error(bad_input) saying `what` was expected.
std::int64_t integer_at(const Pickle& pickle, PickleId id, const char* what);
std::string key_at(const Pickle& pickle, PickleId id, const char* what);

/// numel × item size of a storage, at most `available`. Throws Error(bad_input).
std::size_t storage_bytes(std::string_view key, std::int64_t numel, StoredType dtype, std::size_t available);

struct TorchArchive {
  /// A dictionary whose keys stand behind `prefix` in the state dict.
  struct Part {
    std::string prefix;
    PickleId dict;
  };
  /// A state dict that was found: the dictionary, or those of its modules where they are nested, and every
  /// path that leads to it.
  struct Found {
    std::vector<Part> parts;
    std::vector<std::string> paths;
    std::size_t tensors;
    bool mostly_tensors;
  };
  struct StateDict {
    std::vector<StoredTensor> tensors;
    std::vector<std::string> others;
  };

  Pickle object;
  std::map<std::string, std::shared_ptr<const Storage>> storages;
  /// Tar only, where tensors themselves are persistent.
  std::map<std::string, StoredTensor> tensors;
  /// What the pickle's text points into.
  SharedBytes input;

  /// State dicts in file order; dictionaries that hold other things for the most part are marked.
  std::vector<Found> find_state_dicts() const;
  /// The tensors of one state dict. Throws Error naming the entry that cannot be read.
  StateDict read_state_dict(const Found& found) const;
  /// Why there is no state dict: what the file holds, and the line that makes a usable one.
  std::string explain_absence() const;

 private:
  bool is_tensor(PickleId id) const;
  bool is_module(const Found& found) const;
  void join_modules(std::vector<Found>& found) const;
  StoredTensor tensor_at(PickleId id, const std::string& name, int depth) const;
  StoredTensor rebuild(std::string_view function, std::span<const PickleId> arguments,
                       const std::string& name) const;
};

TorchArchive read_torch_zip(const std::shared_ptr<const FileBytes>& file, const CheckpointLimits& limits);
TorchArchive read_torch_legacy(const std::shared_ptr<const FileBytes>& file, const CheckpointLimits& limits);
TorchArchive read_torch_tar(const std::shared_ptr<const FileBytes>& file, const CheckpointLimits& limits);

}  // namespace backlight::weights
