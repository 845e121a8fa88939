// The measures by name.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "engine/evaluate/randomization.hpp"
#include "engine/evaluate/road.hpp"
#include "engine/explain/segment.hpp"
#include "models/pictures.hpp"
#include "tools/evaluate/measure.hpp"

namespace backlight::tools {

/// What options say of measures.
struct MeasureOptions {
  double threshold = kDefaultSegmentFraction;  ///< of the map's maximum, for boxes
  double tolerance = 15;                       ///< of the pointing game, in pixels of the picture
  std::size_t guesses = 1;                     ///< predicted classes that each are located
  bool clovaai = false;                        ///< boxes by wsolevaluation's protocol
  std::int64_t points = 0;                     ///< of insertion's and deletion's curves
  Baseline fill = Baseline::mean;              ///< of what a map hides
  RoadProtocol road = RoadProtocol::road;
  RandomizationOrder randomization = RandomizationOrder::cascading;
  SimilarityOptions similarity = {};  ///< of its maps, beside Spearman's
  const Model* model = nullptr;
  const Network* compared =
      nullptr;  ///< in the place of networks that forget: the same one with other parameters
  std::function<Tensor()> pictures = {};  ///< a few inputs of the data set, the same whatever is chosen of it
  Preset preset = Preset::pytorch_grad_cam;         ///< by whose rule maps are enlarged
  Connectivity connectivity = Connectivity::eight;  ///< of the segment that a box is around
};

struct MeasureKind {
  std::string_view name, summary;
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
std::unique_ptr<Measure> make_drop(const MeasureOptions& options);
std::unique_ptr<Measure> make_insertion(const MeasureOptions& options);
std::unique_ptr<Measure> make_deletion(const MeasureOptions& options);
std::unique_ptr<Measure> make_road(const MeasureOptions& options);
std::unique_ptr<Measure> make_occlusion(const MeasureOptions& options);
std::unique_ptr<Measure> make_infidelity(const MeasureOptions& options);
std::unique_ptr<Measure> make_sensitivity(const MeasureOptions& options);
std::unique_ptr<Measure> make_sparseness(const MeasureOptions& options);
std::unique_ptr<Measure> make_randomization(const MeasureOptions& options);

}  // namespace backlight::tools
