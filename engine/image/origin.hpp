// Whether a picture is a result of backlight.
#pragma once

#include <string>

namespace backlight {

/// Whether the file carries the facts that backlight puts into every picture it writes: in a PNG a text with
/// the keyword "backlight" before the pixels, in a JPEG a comment that holds "backlight_version". Looks at
/// the file's structure alone, without decoding; false for a file that cannot be read.
bool is_written_by_backlight(const std::string& path);

}  // namespace backlight
