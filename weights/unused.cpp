#include "weights/unused.hpp"

#include <algorithm>
#include <array>
#include <iterator>

namespace backlight {
namespace {

template <std::size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::ranges::find(names, name) != names.end();
}

/// Last part of a path: what training and profilers leave in a module.
constexpr std::array<std::string_view, 9> kBooks = {"num_batches_tracked", "total_ops",  "total_params",
                                                    "n_averaged",          "exp_avg",    "exp_avg_sq",
                                                    "momentum_buffer",     "square_avg", "queue_ptr"};

/// First part of a path: modules that only training runs.
constexpr std::array<std::string_view, 22> kTraining = {
    "criterion",      "criterions",   "loss",         "losses",       "loss_fn",       "loss_func",
    "loss_function",  "loss_weight",  "loss_weights", "class_weight", "class_weights", "pos_weight",
    "AuxLogits",      "aux1",         "aux2",         "aux_logits",   "aux_head",      "aux_classifier",
    "auxiliary_head", "lr_scheduler", "metrics",      "queue"};
constexpr std::array<std::string_view, 4> kTrainingEnds = {"_loss", "_criterion", "_metrics", "_accuracy"};

/// Parts of a path below which averages over training are kept.
constexpr std::array<std::string_view, 6> kAverages = {"ema", "averaged_model", "avg_model",
                                                       "swa", "swa_model",      "shadow"};

template <class Predicate>
bool any_part(std::string_view path, Predicate predicate) {
  while (!path.empty()) {
    const std::string_view part = path.substr(0, path.find('.'));
    if (predicate(part)) return true;
    path.remove_prefix(std::min(part.size() + 1, path.size()));
  }
  return false;
}

std::string without_separators(std::string_view name) {
  std::string out;
  std::ranges::copy_if(name, std::back_inserter(out), [](char c) { return c != '.' && c != '_'; });
  return out;
}

}  // namespace

bool is_average(std::string_view path) {
  return any_part(path, [](std::string_view part) {
    return is_one_of(part, kAverages) || part.starts_with("ema_") || part.ends_with("_ema");
  });
}

bool is_optimizer(std::string_view path) {
  return any_part(path, [](std::string_view part) {
    return part == "optim" || part.starts_with("optimizer") || part.ends_with("_optimizer");
  });
}

IdleTensors::IdleTensors(std::span<const StoredTensor> tensors) {
  for (const StoredTensor& tensor : tensors) flat_names_.push_back(without_separators(tensor.name()));
  std::ranges::sort(flat_names_);
}

bool IdleTensors::has_twin(std::string_view name) const {
  // `ema.module.conv1.weight`, and `ema_conv1_weight` and `model_ema.conv1weight` of those who flatten names.
  std::size_t begin = 0;
  for (int level = 0; level < 6; ++level) {
    begin = name.find_first_of("._", begin);
    if (begin == name.npos) return false;
    ++begin;
    if (std::ranges::binary_search(flat_names_, without_separators(name.substr(begin)))) return true;
  }
  return false;
}

bool IdleTensors::computes_nothing(const StoredTensor& tensor) const {
  const std::string_view name = tensor.name();
  const std::string_view first = name.substr(0, name.find('.')), last = name.substr(name.rfind('.') + 1);
  if (tensor.numel() == 0 || (tensor.numel() == 1 && !is_floating(tensor.dtype()))) return true;
  if (is_one_of(last, kBooks) || is_one_of(first, kTraining) || is_optimizer(first)) return true;
  if (std::ranges::any_of(kTrainingEnds, [&](std::string_view end) { return first.ends_with(end); }))
    return true;
  if (tensor.dtype() == StoredType::u8 && name.find("rng") != name.npos) return true;
  return is_average(first) && (tensor.numel() == 1 || has_twin(name));
}

}  // namespace backlight
