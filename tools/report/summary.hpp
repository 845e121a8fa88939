// The numbers of a report, over all pictures that were judged.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "tools/backlight/result_json.hpp"
#include "tools/report/judgement.hpp"

namespace backlight::tools {

/// Classes that the matrix of a report has at most.
inline constexpr std::size_t kMatrixClasses = 50;

/// Members:
///   top1, top5       {value, low, high}: shares with Wilson's interval; null without pictures
///   mean_loss        over all; null without pictures
///   several_classes  pictures on which more than one class is annotated
///   classes          of each class that is true or predicted somewhere {index, name, pictures, right, predicted,
///                    recall, precision}, the latter two shares or null where there is no picture
///   confusions       {true, predicted: {index, name}, count, of, share}, the most frequent first; of so many
///                    pictures of the class
///   matrix           {classes: indices, counts: a row per true class}, of all classes, or of the kMatrixClasses that
///                    are confused most
///   reliability      {bins: of ten equal ones {low, high, pictures, confidence, accuracy}, error: the mean distance of
///                    the latter two over all pictures (expected calibration error)}, of the predicted class
Json summary_json(std::span<const Judgement> judgements, std::span<const std::string> labels);

}  // namespace backlight::tools
