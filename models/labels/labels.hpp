// Names of classes that are built in.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace backlight {

/// Names of a network's classes, in the order of its scores.
struct ClassNames {
  std::vector<std::string> names;        ///< one per class
  std::vector<std::string> wordnet_ids;  ///< one per class, `n02123159`; empty where the classes have none

  friend bool operator==(const ClassNames&, const ClassNames&) = default;
};

/// Which built-in names a network's classes have when their number fits.
enum class LabelSet : std::uint8_t { none, imagenet, cifar10, scenes };

/// "none", "imagenet", "cifar10", "scenes".
std::string_view name_of(LabelSet set);

/// 1000 with WordNet ids, 10, 10, or none.
ClassNames built_in_labels(LabelSet set);

/// How many classes the outputs of a network tell apart: one output has two, that something is not there and
/// that it is.
constexpr std::int64_t classes_of(std::int64_t outputs) { return outputs == 1 ? 2 : outputs; }

/// `class 0`, `class 1` …
ClassNames numbered_labels(std::int64_t num_classes);

/// All names that WordNet has for a class of ImageNet, separated by commas: `tabby, tabby cat` for
/// `n02123045`. Empty for an id that none of the 1000 classes has.
std::string_view wordnet_names(std::string_view wordnet_id);

}  // namespace backlight
