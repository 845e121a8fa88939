#include "weights/head.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "engine/core/error.hpp"

namespace backlight {
namespace {

/// More than any head has, with those that have no tensors.
constexpr std::size_t kMostModules = 64;

/// A module of the head that has tensors.
struct HeadEntry {
  std::vector<std::string> path;  ///< below the head's module; empty: that module itself
  HeadLayer layer;
};

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t dot = std::min(text.find('.'), text.size());
    parts.emplace_back(text.substr(0, dot));
    text.remove_prefix(std::min(dot + 1, text.size()));
  }
  return parts;
}

bool is_numbered(const HeadEntry& entry) {
  constexpr std::size_t kDeepest = 8;
  return entry.path.size() <= kDeepest && std::ranges::all_of(entry.path, [](const std::string& part) {
           return weights::module_number(part).has_value();
         });
}

std::vector<int> numbers_of(const HeadEntry& entry) {
  std::vector<int> numbers;
  for (const std::string& part : entry.path) numbers.push_back(*weights::module_number(part));
  return numbers;
}

std::string too_many(std::string_view module) {
  return text("its head '", module, "' has more than ", kMostModules, " modules");
}

std::string join(std::string_view module, std::span<const int> numbers) {
  std::string name(module);
  for (const int each : numbers) name.append(".").append(std::to_string(each));
  return name;
}

/// What the tensors of the module `name` make it; nothing for a kind that no head here can have.
std::optional<HeadLayer> layer_of(const Keys& keys, const std::string& name) {
  const std::string weight = name + ".weight";
  if (keys.rank(weight) == 2)
    return HeadLayer{HeadLayer::Kind::linear, name, keys.extent(weight, 1), keys.extent(weight, 0),
                     keys.has(name + ".bias")};
  if (keys.rank(weight) == 1 && keys.has(name + ".running_mean"))
    return HeadLayer{HeadLayer::Kind::batch_norm, name, keys.extent(weight, 0), keys.extent(weight, 0)};
  return std::nullopt;
}

/// The modules with tensors in the order of the file; `doubt` names one that is neither linear nor batch
/// norm.
std::vector<HeadEntry> entries_of(const Keys& keys, std::string_view module, std::string& doubt) {
  const std::string prefix = std::string(module) + ".";
  std::vector<HeadEntry> entries;
  std::set<std::string> seen;
  for (const StoredTensor& tensor : keys.tensors()) {
    if (!tensor.name().starts_with(prefix)) continue;
    const std::string name = tensor.name().substr(0, tensor.name().rfind('.'));
    if (!seen.insert(name).second) continue;
    const auto layer = layer_of(keys, name);
    if (layer)
      entries.push_back({split(std::string_view(name).substr(std::min(prefix.size(), name.size()))), *layer});
    else if (doubt.empty())
      doubt = text("its head's '", name, "' is neither a linear layer nor a batch norm");
    if (entries.size() > kMostModules) {
      doubt = too_many(module);
      break;
    }
  }
  return entries;
}

bool fit_together(std::span<const HeadEntry> entries) {
  for (std::size_t i = 1; i < entries.size(); ++i)
    if (entries[i].layer.in != entries[i - 1].layer.out) return false;
  return true;
}

/// Brings named modules into an order in which each takes what the one before gives. The file's order is kept
/// where it fits; where it does not (safetensors sorts names) the only module that fits comes next.
bool chain(std::vector<HeadEntry>& entries) {
  if (fit_together(entries)) return true;
  // Features that no linear layer makes come from below the head.
  const auto made_here = [&](std::int64_t features) {
    return std::ranges::any_of(entries, [&](const HeadEntry& e) {
      return e.layer.kind == HeadLayer::Kind::linear && e.layer.out == features;
    });
  };
  for (std::size_t done = 0; done < entries.size(); ++done) {
    const auto fits = [&](const HeadEntry& entry) {
      return done == 0 ? !made_here(entry.layer.in) : entry.layer.in == entries[done - 1].layer.out;
    };
    const auto next = std::find_if(entries.begin() + static_cast<std::ptrdiff_t>(done), entries.end(), fits);
    if (next == entries.end()) return false;
    const bool in_order = next == entries.begin() + static_cast<std::ptrdiff_t>(done);
    if (!in_order && std::count_if(next, entries.end(), fits) > 1) return false;
    std::rotate(entries.begin() + static_cast<std::ptrdiff_t>(done), next, next + 1);
  }
  return true;
}

/// Names of the modules without tensors that stand before `next` in an nn.Sequential of nn.Sequentials. Those
/// at the end of an inner one leave no trace: one is taken to be there.
std::vector<std::string> missing_before(std::string_view module, const HeadEntry* last,
                                        const HeadEntry& next) {
  const std::vector<int> from = last != nullptr ? numbers_of(*last) : std::vector<int>{};
  const std::vector<int> to = numbers_of(next);
  std::size_t depth = 0;
  while (depth < std::min(from.size(), to.size()) && from[depth] == to[depth]) ++depth;
  std::vector<std::string> names;
  if (from.size() > depth + 1) {
    std::vector<int> after = from;
    ++after.back();
    names.push_back(join(module, after));
  }
  for (std::size_t d = depth; d < to.size(); ++d) {
    std::vector<int> place(to.begin(), to.begin() + static_cast<std::ptrdiff_t>(d + 1));
    for (place[d] = d == depth && d < from.size() ? from[d] + 1 : 0; place[d] < to[d]; ++place[d])
      names.push_back(join(module, place));
  }
  return names;
}

/// Puts ReLU and Dropout at the numbers that are missing.
HeadReading numbered_head(std::string_view module, std::vector<HeadEntry> entries) {
  std::ranges::sort(entries, {}, numbers_of);
  HeadReading head;
  if (!fit_together(entries)) {
    head.doubt = text("the layers of its head '", module, "' do not fit together");
    return head;
  }
  std::string relus, dropouts;
  bool waiting = false;  // for the ReLU after a linear layer
  const auto last_linear = std::find_if(entries.rbegin(), entries.rend(), [](const HeadEntry& e) {
    return e.layer.kind == HeadLayer::Kind::linear;
  });
  const std::string last_name = last_linear == entries.rend() ? "" : last_linear->layer.name;
  const HeadEntry* before = nullptr;
  for (const HeadEntry& entry : entries) {
    const std::vector<std::string> missing = missing_before(module, before, entry);
    if (head.layers.size() + missing.size() >= kMostModules) return {{}, {}, too_many(module)};
    for (const std::string& name : missing) {
      const bool relu = waiting;
      waiting = false;
      head.layers.push_back(
          {relu ? HeadLayer::Kind::relu : HeadLayer::Kind::dropout, name, entry.layer.in, entry.layer.in});
      if (before == nullptr) continue;
      std::string& list = relu ? relus : dropouts;
      list += (list.empty() ? "" : ", ") + name;
    }
    head.layers.push_back(entry.layer);
    if (entry.layer.kind == HeadLayer::Kind::linear) waiting = entry.layer.name != last_name;
    before = &entry;
  }
  if (!relus.empty())
    head.assumptions.push_back(
        text("modules without parameters are not in a file of weights: ", relus, " taken as ReLU",
             dropouts.empty() ? "" : ", " + dropouts + " as Dropout",
             "; where the network had another activation there, its scores are others"));
  return head;
}

/// Puts a ReLU before every linear layer but the first.
HeadReading named_head(std::string_view module, std::vector<HeadEntry> entries) {
  HeadReading head;
  if (!chain(entries)) {
    head.doubt = text("the order of the layers of its head '", module, "' cannot be told from their shapes");
    return head;
  }
  std::string order;
  int relus = 0;
  for (const HeadEntry& entry : entries) {
    const bool first = std::ranges::none_of(
        head.layers, [](const HeadLayer& layer) { return layer.kind == HeadLayer::Kind::linear; });
    if (entry.layer.kind == HeadLayer::Kind::linear && !first) {
      const std::string name = text(module, ".relu", relus > 0 ? text("_", relus) : "");
      head.layers.push_back({HeadLayer::Kind::relu, name, entry.layer.in, entry.layer.in});
      order += ", ReLU";
      ++relus;
    }
    head.layers.push_back(entry.layer);
    order += (order.empty() ? "" : ", ") + entry.layer.name;
  }
  if (relus > 0)
    head.assumptions.push_back(
        text("the file says neither the order of its head's layers nor what stands between them: taken as ",
             order, "; where the network computes otherwise there, its scores are others"));
  return head;
}

}  // namespace

HeadReading read_head(const Keys& keys, std::string_view module,
                      std::span<const std::string_view> published) {
  HeadReading head;
  std::vector<HeadEntry> entries = entries_of(keys, module, head.doubt);
  if (!head.doubt.empty()) return head;
  if (std::ranges::none_of(entries,
                           [](const HeadEntry& e) { return e.layer.kind == HeadLayer::Kind::linear; })) {
    head.doubt = text("the last linear layer (", module, ") is missing: features only");
    return head;
  }
  if (entries.size() > 1 && std::ranges::any_of(entries, [](const HeadEntry& e) { return e.path.empty(); })) {
    head.doubt = text("its head '", module, "' has a weight of its own beside modules with weights");
    return head;
  }
  std::vector<std::string_view> linear;
  head = std::ranges::all_of(entries, is_numbered) ? numbered_head(module, entries)
                                                   : named_head(module, entries);
  for (const HeadLayer& layer : head.layers)
    if (layer.kind == HeadLayer::Kind::linear) linear.push_back(layer.name);
  if (std::ranges::equal(linear, published)) head.assumptions.clear();
  return head;
}

}  // namespace backlight
