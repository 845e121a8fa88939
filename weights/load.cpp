#include "weights/load.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "engine/nearest.hpp"

namespace backlight {
namespace {

constexpr std::size_t kShown = 5;

const StoredTensor* find(std::span<const StoredTensor> tensors, std::string_view name) {
  const auto at = std::find_if(tensors.begin(), tensors.end(),
                               [&](const StoredTensor& tensor) { return tensor.name() == name; });
  return at == tensors.end() ? nullptr : &*at;
}

struct Renaming {
  std::string_view from, to;
};

std::vector<StoredTensor> renamed(std::span<const StoredTensor> tensors,
                                  std::span<const Renaming> renamings) {
  std::vector<StoredTensor> out;
  for (const StoredTensor& tensor : tensors) {
    StoredTensor copy = tensor;
    for (const auto& [from, to] : renamings) {
      if (!tensor.name().starts_with(from)) continue;
      copy = tensor.renamed(std::string(to) + tensor.name().substr(from.size()));
      // A convolution over its whole input is a matrix.
      if (copy.shape().size() == 4)
        copy = copy.reshaped({copy.shape()[0], copy.numel() / std::max<std::int64_t>(copy.shape()[0], 1)});
    }
    out.push_back(std::move(copy));
  }
  return out;
}

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
  out += text("\n  ", side.size(), " ", kind, ":");
  for (std::size_t i = 0; i < std::min(side.size(), kShown); ++i) {
    out += text(i ? ", " : " ", side[i].name);
    if (!side[i].nearest.empty()) out += text(" (", other, " ", side[i].nearest, ")");
  }
  if (side.size() > kShown) out += text(" and ", side.size() - kShown, " more");
}

}  // namespace

std::vector<StoredTensor> with_torchvision_names(std::span<const StoredTensor> tensors) {
  static constexpr Renaming kCaffe[] = {{"classifier.1.", "classifier.0."},
                                        {"classifier.4.", "classifier.3."}};
  static constexpr Renaming kTimm[] = {{"pre_logits.fc1.", "classifier.0."},
                                       {"pre_logits.fc2.", "classifier.3."},
                                       {"head.fc.", "classifier.6."}};
  constexpr std::int64_t kVggFeatures = 512 * 7 * 7;
  const StoredTensor* second = find(tensors, "classifier.1.weight");
  // AlexNet has classifier.1 and .4 too, with fewer features.
  const bool caffe = second && second->shape().size() == 2 && second->shape()[1] == kVggFeatures &&
                     find(tensors, "classifier.4.weight") && !find(tensors, "classifier.0.weight") &&
                     !find(tensors, "classifier.3.weight");
  if (caffe) return renamed(tensors, kCaffe);
  if (find(tensors, "pre_logits.fc1.weight") && !find(tensors, "classifier.0.weight"))
    return renamed(tensors, kTimm);
  return {tensors.begin(), tensors.end()};
}

MatchReport match(std::span<const ExpectedTensor> expected, std::span<const StoredTensor> tensors) {
  const std::vector<StoredTensor> stored = with_torchvision_names(tensors);
  std::unordered_map<std::string_view, const StoredTensor*> left;
  for (const StoredTensor& tensor : stored) left.emplace(tensor.name(), &tensor);
  MatchReport report;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto found = left.find(expected[i].name);
    if (found == left.end()) {
      if (!expected[i].optional) report.missing.push_back({expected[i].name, {}});
    } else {
      if (same_shape(expected[i].shape, found->second->shape())) {
        report.matched.push_back({i, *found->second});
      } else {
        report.mis_shaped.push_back({expected[i].name, expected[i].shape, found->second->shape()});
      }
      left.erase(found);
    }
  }
  for (const StoredTensor& tensor : stored) {
    const bool counter =
        tensor.name() == "num_batches_tracked" || tensor.name().ends_with(".num_batches_tracked");
    if (left.contains(tensor.name()) && !counter) report.unexpected.push_back({tensor.name(), {}});
  }
  fill_nearest(report.missing, names_of(report.unexpected));
  fill_nearest(report.unexpected, names_of(report.missing));
  return report;
}

std::string MatchReport::describe() const {
  std::string out = text(matched.size(), " of ", matched.size() + missing.size() + mis_shaped.size(),
                         " tensors of the network are in the file");
  describe_side(out, "missing", "the file has", missing);
  describe_side(out, "unexpected", "the network has", unexpected);
  if (!mis_shaped.empty()) out += text("\n  ", mis_shaped.size(), " of another shape:");
  for (std::size_t i = 0; i < std::min(mis_shaped.size(), kShown); ++i) {
    const MisShaped& each = mis_shaped[i];
    out += text(i ? ", " : " ", each.name, " is ", shape_text(each.found), ", expected ",
                shape_text(each.expected.extents()));
  }
  if (mis_shaped.size() > kShown) out += text(" and ", mis_shaped.size() - kShown, " more");
  return out;
}

void require_finite(const std::string& name, const Tensor& tensor) {
  const std::span<const float> values = tensor.values();
  std::size_t count = 0, first = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i])) continue;
    if (count++ == 0) first = i;
  }
  if (count == 0) return;
  throw Error(ErrorKind::bad_input, "tensor \"", name, "\" of shape ", tensor.shape(), " holds ", count,
              " values that are not finite, the first (", values[first], ") at element ", first,
              "; nothing can be explained with them. Take another file of these weights");
}

}  // namespace backlight
