// Results that are there already, which --skip-existing keeps: whether they are of the same run.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>

#include "tools/backlight/result_json.hpp"

namespace backlight::tools {

/// Whether a result is there. Files appear whole; only a failing machine leaves an empty one.
bool is_there(const std::filesystem::path& file);

/// What a result says of its run; what says nothing (npy, another's file) gives no object.
Json facts_of(const std::filesystem::path& file);

/// A member by its JSON pointer, null where there is none. Without who said so, which does not change a result.
Json part_of(const Json& facts, std::string_view part);

/// Throws Error(usage) when a result that says something of `what` says another thing than this run.
void require_same(const std::filesystem::path& file, std::string_view what, const Json& there,
                  const Json& here);
/// The same of each of these parts of a document.
void require_same(const std::filesystem::path& file, const Json& facts, const Json& document,
                  std::initializer_list<std::string_view> parts);

/// A line per file of what has `files` and `kept`.
std::string files_text(const Json& of, const char* indent);

}  // namespace backlight::tools
