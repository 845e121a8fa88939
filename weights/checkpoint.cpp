#include "weights/checkpoint.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/core/nearest.hpp"
#include "weights/file_bytes.hpp"
#include "weights/identify.hpp"
#include "weights/listed.hpp"
#include "weights/reparametrised.hpp"
#include "weights/safetensors_read.hpp"
#include "weights/torch_archive.hpp"
#include "weights/unused.hpp"

namespace backlight {
namespace {

std::vector<std::string> paths_of(const std::vector<StateDictCandidate>& candidates) {
  std::vector<std::string> paths;
  for (const StateDictCandidate& candidate : candidates) paths.push_back(candidate.path);
  return paths;
}

std::string listed(const std::vector<StateDictCandidate>& candidates) {
  return weights::listed(candidates, 8, [](const StateDictCandidate& each) {
    return text("\"", weights::printable(each.path), "\" (", each.tensors, " tensors)");
  });
}

weights::TorchArchive read_archive(Container container, const std::shared_ptr<const weights::FileBytes>& file,
                                   const CheckpointLimits& limits) {
  switch (container) {
    case Container::torch_legacy:
      return weights::read_torch_legacy(file, limits);
    case Container::torch_tar:
      return weights::read_torch_tar(file, limits);
    default:
      return weights::read_torch_zip(file, limits);
  }
}

/// Expanded tensors may be larger than the file; together they may not be out of all proportion to it.
void check_unfolded_size(const std::vector<StoredTensor>& tensors, std::size_t file_bytes,
                         std::size_t ratio) {
  std::size_t total = 0;
  for (const StoredTensor& tensor : tensors) {
    if (__builtin_add_overflow(total, tensor.bytes(), &total) || total / ratio > file_bytes) {
      throw Error(ErrorKind::bad_input, "tensor \"", tensor.name(), "\" of ", tensor.numel(),
                  " elements brings the ", "tensors to more than ", ratio, " times the file's ", file_bytes,
                  " bytes; refused as a bomb");
    }
  }
}

/// The only dictionary whose keys are of a network known here, unless another has more tensors; where there
/// is none such, the only one that has more than scalars. A dictionary that cannot be read is no candidate by
/// itself; with --key its error is told.
std::optional<std::size_t> choose_by_content(const weights::TorchArchive& archive,
                                             std::span<const weights::TorchArchive::Found> dicts) {
  std::vector<std::size_t> networks, shaped, sizes;
  for (const weights::TorchArchive::Found& dict : dicts) {
    std::vector<StoredTensor> stored;
    try {
      if (!is_optimizer(dict.paths.front()))
        stored = with_computed_weights(archive.read_state_dict(dict).tensors);
    } catch (const Error&) {
    }
    if (!find_networks(stored).empty()) networks.push_back(sizes.size());
    if (std::ranges::any_of(stored, [](const StoredTensor& tensor) { return !tensor.shape().empty(); }))
      shaped.push_back(sizes.size());
    sizes.push_back(stored.size());
  }
  if (networks.empty() && shaped.size() == 1) return shaped.front();
  const bool largest = networks.size() == 1 && sizes[networks.front()] == std::ranges::max(sizes);
  return largest ? std::optional(networks.front()) : std::nullopt;
}

}  // namespace

const char* name_of(Container container) {
  static constexpr std::array<const char*, 4> kNames = {"PyTorch (zip)", "PyTorch (legacy)", "PyTorch (tar)",
                                                        "safetensors"};
  return kNames[static_cast<std::size_t>(container)];
}

Checkpoint Checkpoint::open(const std::filesystem::path& path, const CheckpointOptions& options) {
  return read(path, nullptr, options);
}

Checkpoint Checkpoint::open(std::span<const std::byte> content, const std::filesystem::path& name,
                            const CheckpointOptions& options) {
  return read(name, &content, options);
}

/// Of the file `path` where no content is given.
Checkpoint Checkpoint::read(const std::filesystem::path& path, const std::span<const std::byte>* content,
                            const CheckpointOptions& options) try {
  Checkpoint checkpoint;
  checkpoint.path_ = path;
  checkpoint.file_ = content ? std::make_shared<const weights::FileBytes>(*content)
                             : std::make_shared<const weights::FileBytes>(path);
  checkpoint.container_ = weights::identify(checkpoint.file_->bytes(), options.limits);
  if (checkpoint.container_ == Container::safetensors) {
    auto contents = weights::read_safetensors(checkpoint.file_, options.limits);
    checkpoint.candidates_ = {{".", contents.tensors.size()}};
    checkpoint.choose_by_key(options.key);
    checkpoint.stored_ = std::move(contents.tensors);
    checkpoint.metadata_ = std::move(contents.metadata);
  } else {
    const weights::TorchArchive archive =
        read_archive(checkpoint.container_, checkpoint.file_, options.limits);
    const auto found = archive.find_state_dicts();
    if (found.empty()) throw Error(ErrorKind::unsupported, archive.explain_absence());
    const bool any_mostly =
        std::any_of(found.begin(), found.end(), [](const auto& f) { return f.mostly_tensors; });
    std::vector<weights::TorchArchive::Found> dicts;
    for (const auto& each : found) {
      const bool asked_for = std::find(each.paths.begin(), each.paths.end(), options.key) != each.paths.end();
      if (any_mostly && !each.mostly_tensors && !asked_for) continue;
      checkpoint.candidates_.push_back({asked_for ? options.key : each.paths.front(), each.tensors});
      dicts.push_back(each);
    }
    checkpoint.choose_by_key(options.key);
    if (!checkpoint.chosen_) checkpoint.chosen_ = choose_by_content(archive, dicts);
    if (checkpoint.chosen_) {
      auto dict = archive.read_state_dict(dicts[*checkpoint.chosen_]);
      checkpoint.stored_ = std::move(dict.tensors);
      checkpoint.other_entries_ = std::move(dict.others);
    }
  }
  checkpoint.stored_ = with_computed_weights(checkpoint.stored_);
  check_unfolded_size(checkpoint.stored_, checkpoint.file_bytes(), options.limits.unfold_ratio);
  if (checkpoint.chosen_) checkpoint.choose_network(options.prefix);
  return checkpoint;
} catch (const Error& error) {
  throw Error(error.kind(), path.string(), ": ", error.what());
} catch (const std::bad_alloc&) {
  throw Error(ErrorKind::resources, path.string(), ": out of memory");
}

void Checkpoint::choose_by_key(const std::string& key) {
  if (key.empty()) {
    if (candidates_.size() == 1) chosen_ = 0;
    return;
  }
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    if (candidates_[i].path != key) continue;
    if (chosen_) throw Error(ErrorKind::bad_input, "two different state dicts are called \"", key, "\"");
    chosen_ = i;
  }
  if (!chosen_) {
    throw Error(ErrorKind::usage, "holds no state dict \"", key, "\"",
                did_you_mean(key, paths_of(candidates_)), "; there ",
                candidates_.size() == 1 ? "is " : "are ", listed(candidates_));
  }
}

void Checkpoint::choose_network(const std::string& prefix) {
  networks_ = find_networks(stored_);
  prefix_ = prefix.empty() || prefix.ends_with('.') ? prefix : prefix + '.';
  if (prefix_.empty()) {
    prefix_ = choose_prefix(stored_, networks_);
    tensors_ = without_prefix(stored_, prefix_);
    return;
  }
  const auto outside = std::ranges::stable_partition(
      stored_, [&](const StoredTensor& tensor) { return is_below(tensor.name(), prefix_); });
  for (const StoredTensor& tensor : outside) outside_.push_back(tensor.name());
  stored_.erase(outside.begin(), outside.end());
  if (stored_.empty()) {
    std::vector<std::string> prefixes;
    for (const NetworkBelow& network : networks_) prefixes.push_back(network.prefix);
    throw Error(ErrorKind::usage, "no tensor's name begins with \"", prefix_, "\"",
                did_you_mean(prefix_, prefixes), networks_.empty() ? "" : "; there are networks below ",
                listed(networks_));
  }
  tensors_ = without_prefix(stored_, prefix_);
}

std::size_t Checkpoint::file_bytes() const { return file_->bytes().size(); }
const std::string& Checkpoint::sha256() const { return file_->sha256(); }
void Checkpoint::forget_bytes() const { file_->forget(file_->bytes()); }

std::optional<NameHash> Checkpoint::name_hash() const {
  const std::string stem = path_.stem().string();
  const std::size_t dash = stem.rfind('-');
  if (dash == std::string::npos) return std::nullopt;
  const std::string promised = stem.substr(dash + 1);
  const bool hash = promised.size() >= 8 && promised.size() <= 64 &&
                    std::all_of(promised.begin(), promised.end(),
                                [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (!hash) return std::nullopt;
  return NameHash{promised, sha256().starts_with(promised)};
}

void Checkpoint::require_chosen() const {
  if (!chosen_) {
    throw Error(ErrorKind::usage, path_.string(), ": holds several state dicts: ", listed(candidates_),
                "; choose one with --key");
  }
}

const std::vector<StoredTensor>& Checkpoint::tensors() const {
  require_chosen();
  return tensors_;
}

const std::vector<StoredTensor>& Checkpoint::as_stored() const {
  require_chosen();
  return stored_;
}

const StoredTensor* Checkpoint::find(std::string_view name) const {
  const auto found = std::find_if(tensors().begin(), tensors().end(),
                                  [&](const StoredTensor& tensor) { return tensor.name() == name; });
  return found == tensors().end() ? nullptr : &*found;
}

}  // namespace backlight
