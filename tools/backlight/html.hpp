// Pages for a browser: templates with values put in, such that no value can be taken for the page's own text.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "tools/backlight/result_json.hpp"

namespace backlight::tools {

/// UTF-8 with U+FFFD for what is none: names of files can be any bytes.
std::string valid_utf8(std::string_view text);
/// Text of an element, or of an attribute in double quotes.
std::string html_escaped(std::string_view text);
/// JSON inside a script element, which it cannot end.
std::string script_json(const Json& json);
std::string base64(std::span<const std::uint8_t> bytes);

/// A template in a part of mustache's language:
///   {{a}}        the value of a, escaped; a number as JSON has it
///   {{{a}}}      the same as it is
///   {{#a}}…{{/a}}  for each item of a list, whose members come before those outside; for an object, once; for
///                anything else, where it is neither null, false nor ""
///   {{^a}}…{{/a}}  where the former shows nothing
/// a.b is a member of a member, `.` the item itself. Throws Error(internal) for a name that there is not, and for a
/// section that does not end.
std::string render(std::string_view page, const Json& values);

}  // namespace backlight::tools
