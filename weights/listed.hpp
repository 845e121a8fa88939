// The first few of many, as errors and tables tell them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string>

#include "engine/core/error.hpp"

namespace backlight::weights {

/// `a, b and 3 more`: the first `shown`, each as `tell` says.
template <class Items, class Tell = std::identity>
std::string listed(const Items& items, std::size_t shown, Tell tell = {}) {
  std::string out;
  for (std::size_t i = 0; i < std::min(items.size(), shown); ++i) out += text(i ? ", " : "", tell(items[i]));
  return items.size() > shown ? text(out, " and ", items.size() - shown, " more") : out;
}

}  // namespace backlight::weights
