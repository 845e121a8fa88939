// One picture of a report: its maps, what they say, and how it is shown.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/backlight/class_names.hpp"
#include "tools/backlight/explain_picture.hpp"
#include "tools/evaluate/measure.hpp"
#include "tools/report/judgement.hpp"
#include "tools/report/pictures.hpp"

namespace backlight::tools {

/// What is worth a look, by what documents and addresses call it, in words, and explained.
struct Flag {
  std::string_view name, words, meaning;
};
/// All, in the order in which they are listed.
std::span<const Flag> report_flags();

/// Two maps of a wrong picture agree, or do not, from these rank correlations on.
inline constexpr double kSameEvidence = 0.8, kElsewhere = 0.2;
/// A wrong answer is a confident one above this probability.
inline constexpr double kConfident = 0.9;

struct Figure {
  std::size_t picture = 0;  ///< of the page's
  int width = 0, height = 0;
  std::string caption, alternative;  ///< the latter for whoever does not see it
  std::optional<Box> found = {};     ///< where the evidence lies, in shares of its sides
};

struct Card {
  std::vector<Figure>
      figures;  ///< the picture, Grad-CAM of the prediction and, where it is wrong, of the truth and of
                ///< what sets the prediction apart from it
  std::vector<Figure>
      guided;  ///< Guided Grad-CAM of the prediction and of the truth; none where a preset has none
  std::vector<Box> truth;               ///< annotated boxes, in shares of the picture's sides
  Json maps;                            ///< members of report.json
  std::vector<std::string_view> flags;  ///< names, of maps alone
};

/// Flags that need no map.
std::vector<std::string_view> flags_of(const Judgement& judged);

/// "same", "elsewhere", or nothing, by the rank correlation of a wrong picture's two maps.
std::string_view flag_of_agreement(std::optional<double> agreement);

class CardMaker {
 public:
  /// Grad-CAM and, where the preset has it, Guided Grad-CAM are the request's looks. All must outlive it.
  CardMaker(const Model& model, Replays& replays, const Request& request, PagePictures& pictures)
      : model_(model),
        replays_(replays),
        request_(request),
        pictures_(pictures),
        names_(short_names(model.labels)) {}

  /// One forward, and a backward for each target. Throws what an explanation does.
  Card make(const Judgement& judged, Image image, const std::vector<TrueObject>& objects) const;

 private:
  const std::string& name_of_class(std::int64_t index) const {
    return names_.at(static_cast<std::size_t>(index));
  }

  const Model& model_;
  Replays& replays_;
  const Request& request_;
  PagePictures& pictures_;
  std::vector<std::string> names_;
};

}  // namespace backlight::tools
