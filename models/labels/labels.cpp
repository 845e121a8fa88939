#include "models/labels/labels.hpp"

#include <algorithm>
#include <iterator>

#include "engine/core/error.hpp"
#include "models/scenes/shapes.hpp"

namespace backlight {
namespace {

struct ImagenetClass {
  const char *name, *wordnet_id, *wordnet_names;
};

/// In the order of the classes, which is that of the ids.
constexpr ImagenetClass kImagenet[] = {
#include "models/labels/imagenet1k.inc"
};
static_assert(std::size(kImagenet) == 1000);

constexpr const char* kCifar10[] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                    "dog",      "frog",       "horse", "ship", "truck"};

}  // namespace

std::string_view name_of(LabelSet set) {
  switch (set) {
    case LabelSet::none:
      return "none";
    case LabelSet::imagenet:
      return "imagenet";
    case LabelSet::cifar10:
      return "cifar10";
    case LabelSet::scenes:
      return "scenes";
  }
  throw Error(ErrorKind::internal, "a set of labels without a name");
}

ClassNames built_in_labels(LabelSet set) {
  ClassNames classes;
  if (set == LabelSet::imagenet) {
    for (const ImagenetClass& c : kImagenet) {
      classes.names.emplace_back(c.name);
      classes.wordnet_ids.emplace_back(c.wordnet_id);
    }
  } else if (set == LabelSet::cifar10) {
    classes.names.assign(std::begin(kCifar10), std::end(kCifar10));
  } else if (set == LabelSet::scenes) {
    classes.names.assign(scenes::kClassNames.begin(), scenes::kClassNames.end());
  }
  return classes;
}

ClassNames numbered_labels(std::int64_t num_classes) {
  ClassNames classes;
  for (std::int64_t i = 0; i < num_classes; ++i) classes.names.push_back("class " + std::to_string(i));
  return classes;
}

std::string_view wordnet_names(std::string_view wordnet_id) {
  const auto* found = std::ranges::lower_bound(
      kImagenet, wordnet_id, {}, [](const ImagenetClass& c) { return std::string_view(c.wordnet_id); });
  return found != std::end(kImagenet) && found->wordnet_id == wordnet_id ? found->wordnet_names : "";
}

}  // namespace backlight
