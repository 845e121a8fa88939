// The key of a study, and the files of answers that come back.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tools/backlight/console.hpp"
#include "tools/backlight/result_json.hpp"
#include "tools/study/design.hpp"

namespace backlight::tools {

/// What stands behind a code.
struct KeyItem {
  std::string code;
  std::size_t list = 0;
  std::optional<std::int64_t> item = {};  ///< none for an attention check
  std::string picture = {}, technique = {}, shown = {}, other = {};
  std::size_t network = 0;  ///< of discrimination
  int correct_side = 1;     ///< of discrimination the right answer, of trust where the better network stands
};

struct StudyKey {
  StudyKind kind = StudyKind::discrimination;
  std::string study;
  Json design;
  int max_failed_checks = 0;
  double min_median_ms = 0;
  std::map<std::string, KeyItem> items;                     ///< by code
  std::map<std::size_t, std::string> hashes;                ///< of pages, by list
  std::map<std::int64_t, std::vector<std::string>> orders;  ///< codes, by participant
};

/// Throws Error(bad_input) naming what a key should have and this file does not.
StudyKey read_study_key(const std::filesystem::path& file);

struct StudyAnswer {
  std::string code;
  std::int64_t order = 0, answer = 0;
  double rt_ms = 0;
  friend bool operator==(const StudyAnswer&, const StudyAnswer&) = default;
};

struct Participant {
  std::int64_t number = 0;
  std::size_t list = 0;
  std::string file = {};
  std::vector<StudyAnswer> answers = {};  ///< in the order of the questions
};

/// The answers in files of JSON or CSV, told by their content, by participant. Of several files of one participant the
/// longest counts, if the others are its beginnings. What is left out, and why, is said in a line and added to
/// `problems`: a file that cannot be read or is torn off, of another study or page, or without answers; answers whose
/// code or place is not the participant's, or whose value cannot be; a file that contradicts another one.
std::vector<Participant> read_answers(const std::vector<std::string>& files, const StudyKey& key,
                                      Console& console, Json& problems);

}  // namespace backlight::tools
