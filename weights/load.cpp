#include "weights/load.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "engine/core/nearest.hpp"
#include "weights/dialects.hpp"
#include "weights/listed.hpp"
#include "weights/unused.hpp"

namespace backlight {
namespace {

constexpr std::size_t kShown = 5;

bool same_shape(const Shape& expected, const std::vector<std::int64_t>& found) {
  return std::ranges::equal(expected.extents(), found);
}

/// `; 3 missing: a, b, c`; empty where there are none.
template <class Items, class Tell>
std::string side(const Items& items, const char* kind, Tell tell) {
  return items.empty() ? "" : text("; ", items.size(), " ", kind, ": ", weights::listed(items, kShown, tell));
}

MatchReport match_names(std::span<const ExpectedTensor> expected, std::span<const StoredTensor> stored) {
  std::unordered_map<std::string_view, const StoredTensor*> by_name;
  for (const StoredTensor& tensor : stored) by_name.emplace(tensor.name(), &tensor);
  std::unordered_set<const StoredTensor*> used;
  MatchReport report;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto found = by_name.find(expected[i].name);
    if (found == by_name.end()) {
      report.missing.push_back(expected[i].name);
    } else {
      if (same_shape(expected[i].shape, found->second->shape())) {
        report.matched.push_back({i, *found->second});
      } else {
        report.mis_shaped.push_back({*found->second, expected[i].shape});
      }
      used.insert(found->second);
    }
  }
  const IdleTensors idle(stored);
  for (const StoredTensor& tensor : stored) {
    if (used.contains(&tensor)) continue;
    (idle.computes_nothing(tensor) ? report.idle : report.unexpected).push_back(tensor);
  }
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
  const std::string end = "." + name;
  std::vector<std::string> prefixes;
  for (const StoredTensor& tensor : tensors) {
    if (tensor.name().ends_with(end) && prefixes.size() < kMost)
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
  // No network has more: in a file that has, the search for similar names would take minutes.
  constexpr std::size_t kSearched = 2000;
  std::vector<std::string> names;
  for (const StoredTensor& tensor : std::span(unexpected).first(std::min(unexpected.size(), kSearched)))
    names.push_back(tensor.name());
  const auto tell_missing = [&](const std::string& name) {
    const std::vector<std::string> nearest = nearest_names(name, names, 1);
    if (nearest.empty()) return name;
    const auto found = std::ranges::find(unexpected, nearest.front(), &StoredTensor::name);
    return text(name, " (the file has ", found->name_in_file(), ")");
  };
  const auto tell_unexpected = [&](const StoredTensor& tensor) {
    const std::vector<std::string> nearest = nearest_names(tensor.name(), missing, 1);
    return nearest.empty() ? tensor.name_in_file()
                           : text(tensor.name_in_file(), " (the network has ", nearest.front(), ")");
  };
  const auto told = [](std::span<const std::int64_t> shape) {
    return shape.empty() ? "a scalar" : weights::extents_text(shape);
  };
  const auto tell_shapes = [&](const MisShaped& each) {
    return text(each.found.name_in_file(), " is ", told(each.found.shape()), ", expected ",
                told(each.expected.extents()));
  };
  return text(matched.size(), " of ", matched.size() + missing.size() + mis_shaped.size(),
              " tensors of the network are in the file", side(missing, "missing", tell_missing),
              side(unexpected, "unexpected", tell_unexpected),
              side(mis_shaped, "of another shape", tell_shapes));
}

std::string MatchReport::describe_unexpected(std::span<const ExpectedTensor> expected) const {
  const std::unordered_set<std::string_view> modules = top_modules(expected);
  std::vector<std::string> inside, outside;
  for (const StoredTensor& tensor : unexpected) {
    const std::string_view name = tensor.name();
    (modules.contains(name.substr(0, name.find('.') + 1)) ? inside : outside)
        .push_back(tensor.name_in_file());
  }
  std::string out = text(unexpected.size(), unexpected.size() == 1 ? " tensor" : " tensors");
  if (!inside.empty()) out += ", inside its own modules: " + weights::listed(inside, kShown);
  if (!outside.empty())
    out += (inside.empty() ? ", beside it: " : "; beside it: ") + weights::listed(outside, kShown);
  return out;
}

void require_finite(const std::string& name, const Tensor& tensor) {
  // By the exponents' bits, several at a time.
  std::int32_t beyond = 0;
  for (const float value : tensor.values())
    beyond |= (std::bit_cast<std::int32_t>(value) & 0x7fffffff) > 0x7f7fffff ? 1 : 0;
  if (beyond == 0) return;
  refuse_any(
      name, tensor, [](float value) { return !std::isfinite(value); }, " values that are not finite",
      "nothing can be explained with them");
}

void require_parameter_type(const StoredTensor& tensor) {
  const StoredType type = tensor.dtype();
  if (type != StoredType::i8 && type != StoredType::u8 && type != StoredType::bool_) return;
  throw Error(ErrorKind::unsupported, "tensor \"", tensor.name_in_file(), "\" holds ", type,
              ", as quantized networks do, and nothing says the scale; save the model in float32");
}

Tensor read_parameter(const Checkpoint& checkpoint, const StoredTensor& tensor) try {
  require_parameter_type(tensor);
  Tensor values = tensor.to_f32();
  checkpoint.forget_bytes();
  require_usable(tensor.name_in_file(), values);
  return values;
} catch (const Error& error) {
  throw Error(error.kind(), checkpoint.path().string(), ": ", error.what());
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
