// How good question answerers are on pictures of one's own, and how often their maps point at what is drawn.
#pragma once

#include <map>
#include <string>

#include "models/language/question_set.hpp"
#include "models/language/rates.hpp"

namespace backlight::language {

struct SetRates {
  Share all;
  std::map<std::string, Share> answers;  ///< by the right one
};

/// Whether the answer with the highest score is the right one, over all questions. `blind`: the head is given a map of
/// zeros. Throws Error(usage) for a captioner, and as tokens_of does.
SetRates set_rates(const LanguageModel& model, Context& context, const QuestionSet& set, bool blind = false);

/// Whether the largest value of the right answer's map, by its score, lies in the picture's figure_of: of questions
/// that are answered rightly about pictures that have one. Throws likewise.
SetRates set_pointing(const LanguageModel& model, Context& context, const QuestionSet& set,
                      const HeadMapOptions& options = {});

}  // namespace backlight::language
