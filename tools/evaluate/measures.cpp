#include "tools/evaluate/measures.hpp"

#include <array>

#include "engine/core/nearest.hpp"
#include "tools/backlight/common.hpp"

namespace backlight::tools {
namespace {

constexpr std::array<MeasureKind, 15> kMeasures{{
    {"localization", "boxes at one threshold: ILSVRC's error, and of the class that is there",
     make_localization},
    {"max-box", "boxes at the best threshold: MaxBoxAcc and MaxBoxAccV2", make_max_box},
    {"pointing", "whether the map's maximum lies on an object of the class", make_pointing},
    {"rejection", "the same of five predictions, which a map of low maximum rejects", make_rejection},
    {"energy", "the map's mass on the objects, average precision, Loc", make_energy},
    {"pxap", "precision and recall over the pixels of all pictures", make_pxap},
    {"drop", "what a map hides from the network: average drop, increase, ADCC", make_drop},
    {"insertion", "the area below the score as the strongest pixels come", make_insertion},
    {"deletion", "the same as they go", make_deletion},
    {"road", "the score without the strongest, and without the weakest pixels", make_road},
    {"occlusion", "whether a map is strong where a patch costs the class", make_occlusion},
    {"infidelity", "how well a map foretells the score of other pictures", make_infidelity},
    {"sensitivity", "how much a map changes with the picture", make_sensitivity},
    {"sparseness", "how few pixels a map needs", make_sparseness},
    {"randomization", "whether a map changes when the network forgets", make_randomization},
}};

}  // namespace

std::span<const MeasureKind> measure_kinds() { return kMeasures; }

const MeasureKind& find_measure(std::string_view name) {
  std::vector<std::string> names;
  for (const MeasureKind& kind : kMeasures) {
    if (kind.name == name) return kind;
    names.emplace_back(kind.name);
  }
  throw Error(ErrorKind::usage, "unknown measure '", name, "'", did_you_mean(name, names), "; expected ",
              joined(names));
}

}  // namespace backlight::tools
