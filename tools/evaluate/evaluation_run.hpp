// The pictures of a data set, one after the other, on all ranks.
#pragma once

#include <string>
#include <vector>

#include "tools/backlight/console.hpp"
#include "tools/backlight/result_json.hpp"
#include "tools/evaluate/annotations.hpp"
#include "tools/evaluate/class_lookup.hpp"
#include "tools/evaluate/evaluator.hpp"
#include "tools/evaluate/journal.hpp"
#include "tools/evaluate/ranks.hpp"

namespace backlight::tools {

class EvaluationRun {
 public:
  /// All must outlive it.
  EvaluationRun(Console& console, const DataSet& set, const Model& model, const Evaluator& evaluator,
                ExifOrientation exif);

  /// Evaluates the pictures that the journal has not; on other ranks than the first those that the first one gives.
  /// Returns the signal that ended it before the last, or 0. Throws Error(resources).
  int run(Ranks& ranks, Journal* journal);

  /// Of the journal, in the data set's order.
  std::vector<const PictureFindings*> findings(const Journal& journal) const;
  /// Of the data set, and of pictures that failed.
  const Json& errors() const { return errors_; }

 private:
  /// The findings of a picture, or why there are none, as CBOR.
  std::string evaluate(const AnnotatedPicture& picture);
  void note_error(const std::string& file, const std::string& kind, const std::string& what);

  Console& console_;
  const DataSet& set_;
  const Model& model_;
  const Evaluator& evaluator_;
  ExifOrientation exif_;
  ClassLookup class_of_;
  Json errors_ = Json::array();
};

}  // namespace backlight::tools
