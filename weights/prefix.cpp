#include "weights/prefix.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "weights/listed.hpp"
#include "weights/pickle.hpp"
#include "weights/recognise.hpp"
#include "weights/unused.hpp"

namespace backlight {
namespace {

constexpr int kDeepest = 5;
/// No network known here has fewer tensors.
constexpr std::size_t kSmallestNetwork = 8;

/// The tensors by the first part of their names, which is taken off; names of one part are left out.
std::vector<std::pair<std::string, std::vector<StoredTensor>>> by_first_part(
    std::span<const StoredTensor> tensors) {
  std::vector<std::pair<std::string, std::vector<StoredTensor>>> groups;
  std::unordered_map<std::string, std::size_t> index;
  for (const StoredTensor& tensor : tensors) {
    const std::size_t dot = tensor.name().find('.');
    if (dot == std::string::npos || dot + 1 == tensor.name().size()) continue;
    std::string part = tensor.name().substr(0, dot + 1);
    const auto [at, is_new] = index.emplace(part, groups.size());
    if (is_new) groups.push_back({std::move(part), {}});
    groups[at->second].second.push_back(tensor.renamed(tensor.name().substr(dot + 1)));
  }
  return groups;
}

void find_below(const std::string& prefix, std::span<const StoredTensor> tensors, int depth,
                std::vector<NetworkBelow>& found) {
  if (tensors.size() < kSmallestNetwork) return;
  if (recognise(tensors).known) {
    found.push_back({prefix, tensors.size()});
    return;
  }
  if (depth == kDeepest) return;
  for (const auto& [part, below] : by_first_part(tensors)) find_below(prefix + part, below, depth + 1, found);
}

/// What every tensor that may compute begins with.
std::string shared_wrappers(std::span<const StoredTensor> tensors) {
  static constexpr std::array<std::string_view, 4> kWrappers = {"module.", "model.", "_orig_mod.",
                                                                "backbone."};
  const IdleTensors idle(tensors);
  std::vector<std::string_view> names;
  for (const StoredTensor& tensor : tensors)
    if (!idle.computes_nothing(tensor)) names.push_back(tensor.name());
  std::string prefix;
  for (bool grown = !names.empty(); grown;) {
    grown = false;
    for (const std::string_view wrapper : kWrappers) {
      const std::string longer = prefix + std::string(wrapper);
      if (!std::ranges::all_of(names, [&](std::string_view name) { return is_below(name, longer); }))
        continue;
      prefix = longer;
      grown = true;
    }
  }
  return prefix;
}

}  // namespace

std::vector<NetworkBelow> find_networks(std::span<const StoredTensor> tensors) {
  std::vector<NetworkBelow> found;
  find_below("", tensors, 0, found);
  return found;
}

std::string choose_prefix(std::span<const StoredTensor> tensors, std::span<const NetworkBelow> networks) {
  if (networks.empty()) return shared_wrappers(tensors);
  std::vector<const NetworkBelow*> own;
  std::size_t averaged = 0;
  for (const NetworkBelow& network : networks) {
    if (networks.size() > 1 && is_average(network.prefix)) {
      averaged += network.tensors;
    } else {
      own.push_back(&network);
    }
  }
  if (own.size() != 1) return {};
  const std::string& prefix = own.front()->prefix;
  const IdleTensors idle(tensors);
  const auto beside =
      static_cast<std::size_t>(std::ranges::count_if(tensors, [&](const StoredTensor& tensor) {
        return !tensor.name().starts_with(prefix) && !idle.computes_nothing(tensor);
      }));
  if (beside > averaged + own.front()->tensors) return {};
  // Names that would then stand twice mean that the other tensors are no part of this network.
  std::unordered_set<std::string_view> names;
  for (const StoredTensor& tensor : tensors) {
    const std::string_view name = tensor.name();
    if (!names.insert(is_below(name, prefix) ? name.substr(prefix.size()) : name).second) return {};
  }
  return prefix;
}

bool covers(std::string_view prefix, std::span<const StoredTensor> tensors) {
  const IdleTensors idle(tensors);
  return std::ranges::all_of(tensors, [&](const StoredTensor& tensor) {
    return tensor.name().starts_with(prefix) || idle.computes_nothing(tensor);
  });
}

std::vector<StoredTensor> without_prefix(std::span<const StoredTensor> tensors, std::string_view prefix) {
  std::vector<StoredTensor> below, others;
  for (const StoredTensor& tensor : tensors) {
    if (is_below(tensor.name(), prefix)) {
      below.push_back(tensor.renamed(tensor.name().substr(prefix.size())));
    } else {
      others.push_back(tensor);
    }
  }
  below.insert(below.end(), others.begin(), others.end());
  return below;
}

std::string listed(std::span<const NetworkBelow> networks) {
  return weights::listed(networks, 8, [](const NetworkBelow& each) {
    return text("\"", weights::printable(each.prefix), "\" (", each.tensors, " tensors)");
  });
}

}  // namespace backlight
