// What a study consists of: the pages, the key to them, and the design.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tools/study/items.hpp"

namespace backlight::tools {

/// A question of a page, and all that its page must not say of it.
struct StudyTrial {
  Json shown;  ///< `code`, `images`, and `labels` or `said`
  Json key;    ///< as the key file has it
};

struct Study {
  StudyKind kind = StudyKind::discrimination;
  Json design;  ///< its facts; `study`, the name, is added when all of it is known
  std::vector<Json> practice;
  std::vector<std::vector<StudyTrial>> lists;  ///< items, then checks
  std::vector<Categories> categories;          ///< of the items
};

/// What the pages of a study are made of.
struct StudyParts {
  StudyKind kind;
  std::span<const StudyPicture> pictures;
  std::span<const StudyCandidate> items;     ///< in the order that the Latin square numbers
  std::span<const StudyCandidate> practice;  ///< kPractice others
  StudyNetworks& networks;
  std::size_t better = 0;  ///< of trust, which of the two networks
  std::uint64_t seed = 1;
};

/// Draws everything that is shown. All pictures have one size and are encoded alike.
Study make_study(const StudyParts& parts, Console& console);

/// File names below the folder of results, and their content: pages/list-L.html for participants 1 … count of whom
/// number modulo lists is L, key.json, design.json.
std::map<std::string, std::string> study_files(Study study, std::size_t participants, std::uint64_t seed);

/// The page around its data, whose `page_hash` is made here: the first 16 digits of the SHA-256 of the page that has
/// none.
std::string study_page(StudyKind kind, Json& data);

}  // namespace backlight::tools
