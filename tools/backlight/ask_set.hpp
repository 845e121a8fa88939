// A whole set of questions with known answers, asked at once.
#pragma once

#include <filesystem>

#include "tools/backlight/language_options.hpp"

namespace backlight::tools {

/// Prints how many questions of FOLDER/questions.json are answered rightly, by answer, and with `pointing` how many
/// maps of right answers have their maximum on what is drawn. Throws as read_question_set and load_language.
void ask_set(const std::filesystem::path& folder, const LanguageOptions& options, bool pointing,
             Console& console);

}  // namespace backlight::tools
