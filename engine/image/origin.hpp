// Whether a picture is a result of backlight, and of what run.
#pragma once

#include <optional>
#include <string>

namespace backlight {

/// The JSON that backlight puts into every picture it writes: in a PNG a text with the keyword "backlight"
/// before the pixels, in a JPEG a comment that holds "backlight_version". Looks at the file's structure alone,
/// without decoding; nothing for other pictures, and for a file that cannot be read.
std::optional<std::string> backlight_facts(const std::string& path);

inline bool is_written_by_backlight(const std::string& path) { return backlight_facts(path).has_value(); }

}  // namespace backlight
