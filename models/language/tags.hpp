// Tags: a colour and a noun, for what a picture has. A network that tells them apart has the features that captioners
// and question answerers begin with.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/train/trainer.hpp"
#include "models/language/world.hpp"

namespace backlight::language {

inline constexpr int kTags = static_cast<int>(kColours.size() * kNouns.size());

constexpr int tag_of(const Thing& thing) {
  return thing.colour * static_cast<int>(kNouns.size()) + thing.noun;
}
/// `red disc`, `red square` …, by their index.
std::vector<std::string> tag_names();

/// The batch of a training step, `batch` of the scenes 0 … `scenes` − 1 of a seed, drawn with replacement: a pure
/// function of its arguments. Six labels a scene, so that one, two or three things have equal shares of the target.
/// Throws Error(usage) for an empty set or batch.
Batch tag_batch(Context& context, std::uint64_t seed, std::int64_t scenes, int batch, std::int64_t step);

struct TagRates {
  double all_on_top = 0;  ///< share of scenes whose things have the highest scores
  double grad_cam = 0;    ///< of things whose map has its maximum in a box of theirs (the pointing game)
};

/// Over the first `scenes` scenes of a seed; Grad-CAM looks at `layer`.
TagRates tag_rates(const Network& network, Context& context, NodeId layer, std::uint64_t seed,
                   std::int64_t scenes);

}  // namespace backlight::language
