// Opens a file of weights: PyTorch's zip, legacy and tar containers, and safetensors, recognised by content.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights/limits.hpp"
#include "weights/prefix.hpp"
#include "weights/stored_tensor.hpp"

namespace backlight {

namespace weights {
class FileBytes;
}

enum class Container : std::uint8_t { torch_zip, torch_legacy, torch_tar, safetensors };
/// `PyTorch (zip)`, `PyTorch (legacy)`, `PyTorch (tar)`, `safetensors`.
const char* name_of(Container container);

struct CheckpointOptions {
  /// Path of the wanted state dict, e.g. `model_state_dict` or `model.ema`; empty takes the only one.
  std::string key;
  /// Which network of a file that holds several: what the keys of the wanted one begin with, with or without
  /// its last dot. Empty takes what choose_prefix (prefix.hpp) finds.
  std::string prefix = {};
  CheckpointLimits limits = {};
};

/// A dictionary of tensors found in the file. `path` joins the keys that lead to it with dots; the file's own
/// top level is `.`.
struct StateDictCandidate {
  std::string path;
  std::size_t tensors = 0;
};

/// The hash that a file's name promises (`resnet18-f37072fd.pth`), and whether the content keeps the promise.
struct NameHash {
  std::string promised;
  bool kept = false;
};

/// An opened file. Tensors are read from it when asked for; it stays mapped as long as one of them lives, so
/// it must not be truncated meanwhile. Const members may be called from several threads.
class Checkpoint {
 public:
  /// Throws Error naming the file: bad_input for a damaged or hostile one, unsupported for what is recognised
  /// but not read (TorchScript, whole pickled models, HDF5 …) with the line that makes a usable file, usage
  /// for a key or prefix that is not there. Several candidates and no key is not an error until tensors() is
  /// called.
  static Checkpoint open(const std::filesystem::path& path, const CheckpointOptions& options = {});
  /// The same for a file's content in memory, which must stay there unchanged as long as this or a tensor of
  /// it lives. `name` stands for the path, in errors, too.
  static Checkpoint open(std::span<const std::byte> content, const std::filesystem::path& name,
                         const CheckpointOptions& options = {});

  const std::filesystem::path& path() const { return path_; }
  std::size_t file_bytes() const;
  Container container() const { return container_; }
  /// Of the whole file, 64 lower-case hexadecimal digits; computed on the first call.
  const std::string& sha256() const;
  /// Gives back the memory in which the file was read; tensors that are read later read it again.
  void forget_bytes() const;
  /// Nothing where the file's name ends in no hash.
  std::optional<NameHash> name_hash() const;

  const std::vector<StateDictCandidate>& candidates() const { return candidates_; }
  /// Index into candidates(), or nothing while a key is needed to choose.
  std::optional<std::size_t> chosen() const { return chosen_; }
  /// What tensors() leaves out of the keys, e.g. `module.`.
  const std::string& prefix() const { return prefix_; }
  /// Networks that are known here, by the prefixes of their keys; several where prefix() leaves a choice.
  const std::vector<NetworkBelow>& networks() const { return networks_; }
  /// Tensors that lie beside the prefix asked for, which tensors() does not have.
  const std::vector<std::string>& outside() const { return outside_; }
  /// The chosen state dict in file order. Throws Error(usage) that lists the candidates when none is chosen.
  const std::vector<StoredTensor>& tensors() const;
  /// The same tensors under the names that the file has. Throws as tensors() does.
  const std::vector<StoredTensor>& as_stored() const;
  /// Null when there is no tensor of this name.
  const StoredTensor* find(std::string_view name) const;
  /// Entries of the chosen state dict that are plain data and no tensors.
  const std::vector<std::string>& other_entries() const { return other_entries_; }
  /// safetensors' `__metadata__`; empty for the other containers.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  Checkpoint() = default;
  static Checkpoint read(const std::filesystem::path& path, const std::span<const std::byte>* content,
                         const CheckpointOptions& options);
  void choose_by_key(const std::string& key);
  void choose_network(const std::string& prefix);
  void require_chosen() const;

  std::filesystem::path path_;
  std::shared_ptr<const weights::FileBytes> file_;
  Container container_ = Container::torch_zip;
  std::vector<StateDictCandidate> candidates_;
  std::optional<std::size_t> chosen_;
  std::string prefix_;
  std::vector<NetworkBelow> networks_;
  std::vector<std::string> outside_;
  std::vector<StoredTensor> stored_, tensors_;
  std::vector<std::string> other_entries_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace backlight
