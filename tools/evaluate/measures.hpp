// The measures by name.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "engine/explain/segment.hpp"
#include "tools/evaluate/measure.hpp"

namespace backlight::tools {

/// What options say of measures.
struct MeasureOptions {
  double threshold = kDefaultSegmentFraction;  ///< of the map's maximum, for boxes
  double tolerance = 15;                       ///< of the pointing game, in pixels of the picture
  std::size_t guesses = 1;                     ///< predicted classes that each are located
  bool clovaai = false;                        ///< boxes by wsolevaluation's protocol
  Preset preset = Preset::pytorch_grad_cam;    ///< by whose rule maps are enlarged
};

struct MeasureKind {
  std::string_view name, summary, source;
  std::unique_ptr<Measure> (*make)(const MeasureOptions& options);
};

/// All of them, in the order in which they are listed to people.
std::span<const MeasureKind> measure_kinds();
/// Throws Error(usage) with the nearest names.
const MeasureKind& find_measure(std::string_view name);

/// Classes that a picture's objects have, each once, in ascending order.
std::vector<std::int64_t> classes_of(std::span<const TrueObject> objects);

std::unique_ptr<Measure> make_localization(const MeasureOptions& options);
std::unique_ptr<Measure> make_max_box(const MeasureOptions& options);
std::unique_ptr<Measure> make_pointing(const MeasureOptions& options);
std::unique_ptr<Measure> make_rejection(const MeasureOptions& options);
std::unique_ptr<Measure> make_energy(const MeasureOptions& options);
std::unique_ptr<Measure> make_pxap(const MeasureOptions& options);

}  // namespace backlight::tools
