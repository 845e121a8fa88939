// Boxes that maps give, against boxes that people drew.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/core/tensor.hpp"
#include "engine/explain/segment.hpp"
#include "engine/image/geometry.hpp"

namespace backlight {

/// From this overlap on a box counts as found.
inline constexpr double kFoundIou = 0.5;

/// Area of the intersection by that of the union, by the boxes' edges; 0 where both are empty.
double iou(const Box& a, const Box& b);
/// The largest with any of the boxes; 0 without one.
double best_iou(const Box& box, std::span<const Box> truth);

/// A class, and where it is said to be; no box where the class's map has no positive evidence.
struct Guess {
  std::int64_t index = 0;
  std::optional<Box> box = {};
};
/// An object that is there.
struct LabelledBox {
  std::int64_t index = 0;
  Box box;
};

/// What became of a picture's guesses.
struct Verdict {
  bool label = false;    ///< one has the class of an object
  bool box = false;      ///< one has the box of an object, of whatever class
  bool located = false;  ///< one has the class and, with an IoU of 0.5, the box of an object
  friend bool operator==(const Verdict&, const Verdict&) = default;
};
/// ILSVRC's rule (eval_clsloc of its development kit): the picture is right where `located`. Of several objects of a
/// class the best counts.
Verdict judge(std::span<const Guess> guesses, std::span<const LabelledBox> objects);

/// IoU with the best of the truth boxes by threshold k/levels of the map's maximum, k = 1…levels.
struct OverlapByThreshold {
  std::vector<double> largest;  ///< of the largest segment's box (MaxBoxAcc)
  std::vector<double> best;     ///< of the best of all segments' boxes (MaxBoxAccV2)
};
/// The boxes of `largest_segment`, of all thresholds in one pass over the sorted pixels (union-find), on the picture.
/// All 0 without positive evidence. Throws as `largest_segment` does, Error(usage) for less than one level.
OverlapByThreshold overlap_by_threshold(const Tensor& map, const Placement& placement,
                                        std::span<const Box> truth, int levels = 100,
                                        Connectivity connectivity = Connectivity::eight);

}  // namespace backlight
