// The network's classes by the names that annotations give them.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "models/model.hpp"
#include "tools/backlight/console.hpp"

namespace backlight::tools {

/// Looks each name up once, and says once what else could be meant by it.
class ClassLookup {
 public:
  /// Both must outlive it.
  ClassLookup(const Model& model, Console& console) : model_(model), console_(console) {}

  /// Throws as `find_class`.
  std::int64_t operator()(std::string_view name);

 private:
  const Model& model_;
  Console& console_;
  std::map<std::string, std::int64_t, std::less<>> found_;
};

}  // namespace backlight::tools
