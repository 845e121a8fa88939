// Reads from keys and shapes how a network ends: the linear layers and batch norms of its last module, and
// what can stand between them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights/description.hpp"
#include "weights/keys.hpp"

namespace backlight {

struct HeadReading {
  std::vector<HeadLayer> layers;         ///< empty where `doubt` is not
  std::vector<std::string> assumptions;  ///< what the keys do not say, a sentence each
  std::string doubt;                     ///< why the module cannot be read; empty when it can
};

/// The head below `module` (`fc`, `classifier` …): a Linear (`fc.weight`), an nn.Sequential by its numbers
/// (`fc.0.weight`, `classifier.6.3.weight`), or named modules (`fc.fc1.weight`) in the order of the file.
///
/// A module without parameters has no key. Numbers that are missing tell where one stands: between two linear
/// layers the first is taken as a ReLU and the others as Dropout, elsewhere all as Dropout, which is the
/// identity in inference. Named modules have a ReLU between each two linear layers, after a batch norm. Both
/// are assumptions, unless the linear layers are those of the `published` network.
HeadReading read_head(const Keys& keys, std::string_view module,
                      std::span<const std::string_view> published = {});

}  // namespace backlight
