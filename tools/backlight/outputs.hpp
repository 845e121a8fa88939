// Where results go.
#pragma once

#include <filesystem>
#include <string_view>

namespace backlight::tools {

/// Throws Error(usage) when a file or folder has this name already.
void require_free(const std::filesystem::path& result, std::string_view way_out = "--force overwrites it");

/// Throws Error(resources) when the folder neither is there nor can be made.
void make_folder(const std::filesystem::path& folder);

/// Throws Error(resources).
void write_text(const std::filesystem::path& file, std::string_view text);

/// Whether both paths mean one file, there or not.
bool same_file(const std::filesystem::path& a, const std::filesystem::path& b);

}  // namespace backlight::tools
