// Which class a user means.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace backlight::tools {

enum class TakenAs : std::uint8_t { index, name, synonym, wordnet_id };
/// "index", "name", "synonym", "wordnet_id".
std::string_view name_of(TakenAs how);

struct ClassChoice {
  std::int64_t index = 0;
  TakenAs taken_as = TakenAs::index;
  std::vector<std::int64_t> others;  ///< classes that the text could mean as well
  std::string remark;                ///< a sentence on what else could be meant, or empty
};

/// The class that `text` means, compared in Unicode's form NFKC without case:
///  - `index:N`, and a number below the number of classes, is an index, also where a class has the number
///    for a name;
///  - `name:TEXT`, and any other text, is a name: a class's label, or the label's first part before a comma;
///    else another part, or another name that WordNet has for a class of ImageNet; else a WordNet id.
/// `wordnet_ids` has one per label or none. Throws Error(usage) for an index out of range, for a name that no
/// class has, with the classes that contain the word or resemble it, and for one that several have, with
/// their indices.
ClassChoice find_class(std::span<const std::string> labels, std::span<const std::string> wordnet_ids,
                       std::string_view text);

/// What people call each class: its label's first part before a comma, the whole label where another class is called
/// the same, with its index where that is the same, too. Case makes no difference.
std::vector<std::string> short_names(std::span<const std::string> labels);

}  // namespace backlight::tools
