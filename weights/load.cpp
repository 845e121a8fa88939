#include "weights/load.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "engine/nearest.hpp"
#include "weights/dialects.hpp"
#include "weights/unused.hpp"

namespace backlight {
namespace {

constexpr std::size_t kShown = 5;

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string out;
  for (const std::int64_t extent : shape) out += (out.empty() ? "" : "×") + std::to_string(extent);
  return out.empty() ? "a scalar" : out;
}

bool same_shape(const Shape& expected, const std::vector<std::int64_t>& found) {
  return std::ranges::equal(expected.extents(), found);
}

void fill_nearest(std::vector<MatchReport::Unpartnered>& side, const std::vector<std::string>& candidates) {
  // Only what describe() shows is worth a search through all names.
  for (std::size_t i = 0; i < std::min(side.size(), kShown); ++i) {
    const std::vector<std::string> names = nearest_names(side[i].name, candidates, 1);
    if (!names.empty()) side[i].nearest = names.front();
  }
}

std::vector<std::string> names_of(const std::vector<MatchReport::Unpartnered>& side) {
  std::vector<std::string> names;
  for (const MatchReport::Unpartnered& each : side) names.push_back(each.name);
  return names;
}

void describe_side(std::string& out, const char* kind, const char* other,
                   const std::vector<MatchReport::Unpartnered>& side) {
  if (side.empty()) return;
  out += text("; ", side.size(), " ", kind, ":");
  for (std::size_t i = 0; i < std::min(side.size(), kShown); ++i) {
    out += text(i ? ", " : " ", side[i].name);
    if (!side[i].nearest.empty()) out += text(" (", other, " ", side[i].nearest, ")");
  }
  if (side.size() > kShown) out += text(" and ", side.size() - kShown, " more");
}

MatchReport match_names(std::span<const ExpectedTensor> expected, std::span<const StoredTensor> stored) {
  std::unordered_map<std::string_view, const StoredTensor*> by_name;
  for (const StoredTensor& tensor : stored) by_name.emplace(tensor.name(), &tensor);
  std::unordered_set<const StoredTensor*> used;
  MatchReport report;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto found = by_name.find(expected[i].name);
    if (found == by_name.end()) {
      if (!expected[i].optional) report.missing.push_back({expected[i].name, {}});
    } else {
      if (same_shape(expected[i].shape, found->second->shape())) {
        report.matched.push_back({i, *found->second});
      } else {
        report.mis_shaped.push_back({expected[i].name, expected[i].shape, found->second->shape()});
      }
      used.insert(found->second);
    }
  }
  const IdleTensors idle(stored);
  for (const StoredTensor& tensor : stored) {
    if (used.contains(&tensor)) continue;
    if (idle.computes_nothing(tensor)) {
      report.idle.push_back(tensor.name());
    } else {
      report.unexpected.push_back({tensor.name(), {}});
    }
  }
  fill_nearest(report.missing, names_of(report.unexpected));
  fill_nearest(report.unexpected, names_of(report.missing));
  return report;
}

/// The better of two reports: a complete one, then one that matches more; `first` where they are equal.
MatchReport better(MatchReport first, MatchReport second) {
  if (first.complete()) return first;
  const bool wins = second.complete() || second.matched.size() > first.matched.size();
  return wins ? std::move(second) : std::move(first);
}

/// What stands before `name` where it is the end of a tensor's name; the first few.
std::vector<std::string> prefixes_before(const std::string& name, std::span<const StoredTensor> tensors) {
  constexpr std::size_t kMost = 8;
  std::vector<std::string> prefixes;
  for (const StoredTensor& tensor : tensors) {
    if (tensor.name().ends_with("." + name) && prefixes.size() < kMost)
      prefixes.push_back(tensor.name().substr(0, tensor.name().size() - name.size()));
  }
  return prefixes;
}

/// What all names begin with, up to and with a dot.
std::string shared_prefix(std::span<const ExpectedTensor> expected) {
  if (expected.empty()) return {};
  std::string_view shared = expected.front().name;
  for (const ExpectedTensor& each : expected) {
    const auto apart = std::ranges::mismatch(shared, each.name).in1;
    shared = shared.substr(0, static_cast<std::size_t>(apart - shared.begin()));
  }
  return std::string(shared.substr(0, shared.rfind('.') + 1));
}

/// The network's modules at its top level, with their dots: `conv1.`, `layer1.`
std::unordered_set<std::string_view> top_modules(std::span<const ExpectedTensor> expected) {
  std::unordered_set<std::string_view> modules;
  for (const ExpectedTensor& each : expected)
    modules.insert(std::string_view(each.name).substr(0, each.name.find('.') + 1));
  return modules;
}

template <class Predicate>
void refuse_any(const std::string& name, const Tensor& tensor, Predicate is_bad, const char* what,
                const char* why) {
  const std::span<const float> values = tensor.values();
  const auto first = std::ranges::find_if(values, is_bad);
  if (first == values.end()) return;
  throw Error(ErrorKind::bad_input, "tensor \"", name, "\" of shape ", tensor.shape(), " holds ",
              std::ranges::count_if(values, is_bad), what, ", the first (", *first, ") at element ",
              first - values.begin(), "; ", why, ". Take another file of these weights");
}

}  // namespace

MatchReport match(std::span<const ExpectedTensor> expected, std::span<const StoredTensor> tensors) {
  MatchReport exact = match_names(expected, tensors);
  if (exact.complete()) return exact;
  return better(std::move(exact), match_names(expected, with_torchvision_names(tensors)));
}

MatchReport match_file(std::span<const ExpectedTensor> expected, const Checkpoint& checkpoint) {
  MatchReport report = match(expected, checkpoint.as_stored());
  const auto attempt = [&](std::string_view prefix) {
    if (report.complete()) return;
    report = better(std::move(report), match(expected, without_prefix(checkpoint.as_stored(), prefix)));
  };
  if (!checkpoint.prefix().empty()) attempt(checkpoint.prefix());
  if (expected.empty()) return report;
  for (const std::string& prefix : prefixes_before(expected.front().name, checkpoint.as_stored()))
    attempt(prefix);
  // Below what all expected names begin with, or its first parts.
  const std::string shared = shared_prefix(expected);
  for (std::size_t dot = shared.find('.'); dot != shared.npos; dot = shared.find('.', dot + 1)) {
    if (report.complete()) break;
    std::vector<StoredTensor> below;
    for (const StoredTensor& tensor : checkpoint.tensors())
      below.push_back(tensor.renamed(shared.substr(0, dot + 1) + tensor.name()));
    report = better(std::move(report), match_names(expected, below));
  }
  return report;
}

std::string MatchReport::describe() const {
  std::string out = text(matched.size(), " of ", matched.size() + missing.size() + mis_shaped.size(),
                         " tensors of the network are in the file");
  describe_side(out, "missing", "the file has", missing);
  describe_side(out, "unexpected", "the network has", unexpected);
  if (!mis_shaped.empty()) out += text("; ", mis_shaped.size(), " of another shape:");
  for (std::size_t i = 0; i < std::min(mis_shaped.size(), kShown); ++i) {
    const MisShaped& each = mis_shaped[i];
    out += text(i ? ", " : " ", each.name, " is ", shape_text(each.found), ", expected ",
                shape_text(each.expected.extents()));
  }
  if (mis_shaped.size() > kShown) out += text(" and ", mis_shaped.size() - kShown, " more");
  return out;
}

std::string MatchReport::describe_unexpected(std::span<const ExpectedTensor> expected) const {
  const std::unordered_set<std::string_view> modules = top_modules(expected);
  std::vector<std::string> inside, beside;
  for (const auto& [name, nearest] : unexpected) {
    const bool shared = modules.contains(std::string_view(name).substr(0, name.find('.') + 1));
    (shared ? inside : beside).push_back(name);
  }
  const auto listed = [](const std::vector<std::string>& names) {
    std::string out;
    for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i) out += (i ? ", " : "") + names[i];
    return names.size() > kShown ? text(out, " and ", names.size() - kShown, " more") : out;
  };
  std::string out = text(unexpected.size(), unexpected.size() == 1 ? " tensor" : " tensors");
  if (!inside.empty()) out += text(", inside its own modules: ", listed(inside));
  if (!beside.empty()) out += text(inside.empty() ? ", beside it: " : "; beside it: ", listed(beside));
  return out;
}

void require_finite(const std::string& name, const Tensor& tensor) {
  refuse_any(
      name, tensor, [](float value) { return !std::isfinite(value); }, " values that are not finite",
      "nothing can be explained with them");
}

void require_parameter_type(const StoredTensor& tensor) {
  const StoredType type = tensor.dtype();
  if (type != StoredType::i8 && type != StoredType::u8 && type != StoredType::bool_) return;
  throw Error(ErrorKind::unsupported, "tensor \"", tensor.name(), "\" holds ", type,
              ", as quantized networks do, and nothing says the scale; save the model in float32");
}

void require_usable(const std::string& name, const Tensor& tensor) {
  require_finite(name, tensor);
  if (name == "running_var" || name.ends_with(".running_var")) {
    refuse_any(
        name, tensor, [](float value) { return value < 0; }, " negative values",
        "a batch norm's variance is never negative");
  }
}

}  // namespace backlight
