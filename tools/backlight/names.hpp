// Names of results: STEM_CLASS_METHOD_KIND.ext, safe on every file system and never twice the same.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace backlight::tools {

/// ASCII's capital letters made small.
std::string lowered(std::string_view text);

/// Bytes of a part of a result's name, of what was chosen by option, and of a picture's: with all that can stand in a
/// name it has 255 at most.
inline constexpr std::size_t kLongestName = 40, kLongestChoices = 48, kLongestStem = 48,
                             kLongestExtension = 8;

/// `text` with only letters, digits, ".", "-", the bytes of UTF-8 and those of `others` kept; runs of anything
/// else become one "-". At most `limit` bytes, cut between characters. Never empty, begins with no "." or "-"
/// and ends in neither.
std::string file_safe(std::string_view text, std::size_t limit = kLongestName, std::string_view others = {});

/// `choices`, "_paper_black", or where they are longer than kLongestChoices their beginning and eight digits that tell
/// them from others.
std::string bounded_choices(const std::string& choices);

/// file_safe of words with blanks between them, another one of every text: where it is longer, or has other characters
/// than small letters and digits, eight digits tell it from others.
std::string distinct_name(std::string_view text);

/// One file-safe name per class: its first synonym, with the index added where two classes share it.
std::vector<std::string> file_safe_classes(const std::vector<std::string>& labels);

/// Hands out names that differ in more than the case of ASCII letters.
class UniqueNames {
 public:
  /// `name`, or `name-2`, `name-3` … when it was taken.
  std::string take(const std::string& name);

 private:
  std::set<std::string> taken_;
};

}  // namespace backlight::tools
