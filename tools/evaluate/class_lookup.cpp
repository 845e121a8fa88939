#include "tools/evaluate/class_lookup.hpp"

#include "tools/backlight/class_names.hpp"

namespace backlight::tools {

std::int64_t ClassLookup::operator()(std::string_view name) {
  if (const auto at = found_.find(name); at != found_.end()) return at->second;
  const ClassChoice choice = find_class(model_.labels, model_.wordnet_ids, name);
  if (!choice.remark.empty()) console_.note("the class ", choice.remark);
  return found_.emplace(name, choice.index).first->second;
}

}  // namespace backlight::tools
