// What the answers of a study come to.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/evaluate/intervals.hpp"
#include "tools/study/answers.hpp"

namespace backlight::tools {

/// The document `study_analysis`, without what was wrong with files: people and why some are left out, results of all
/// and of those kept, the paper's figures. tools/study/README.md describes it.
Json analyse_study(const StudyKey& key, std::span<const Participant> people, const Bootstrap& how);
/// The same as tables for people.
std::string analysis_text(const Json& analysis);
/// Every answer with all that the key says of it, as CSV, for other programs: of discrimination `correct`, of trust
/// `rating`, positive for the better network.
std::string long_table(const StudyKey& key, std::span<const Participant> people);
/// One line of R that fits the mixed model to the long table, which is `file`.
std::string mixed_model_call(StudyKind kind, const std::string& file);

}  // namespace backlight::tools
