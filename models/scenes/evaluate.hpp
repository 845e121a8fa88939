// How well a network knows the scenes, and how well its explanations find the objects.
#pragma once

#include <cstdint>
#include <span>

#include "engine/graph/network.hpp"
#include "engine/image/geometry.hpp"

namespace backlight::scenes {

/// Share of right predictions among scenes of one object: the largest score is the object's class, or permuted_label.
double classification_accuracy(const Network& network, Context& context, std::uint64_t seed,
                               std::int64_t scenes, bool permuted = false);

/// Share of hits of the pointing game (Zhang et al. 2016, arXiv:1608.00507, without its margin): a hit is a
/// map whose maximum lies in the box of the object that it was asked for.
struct PointingRates {
  double grad_cam = 0;         ///< of the last map, bilinearly at the picture's resolution
  double guided_backprop = 0;  ///< of the largest magnitude over the channels, as of deconvolution
  double deconvolution = 0;
};

/// Whether the first maximum of a row-major map, enlarged bilinearly from `width` columns to a square picture of
/// `size` pixels, lies in the box.
bool points_into(const Box& box, std::span<const float> map, std::int64_t width, int size);

/// Over scenes of two objects, each of which is asked for. Grad-CAM looks at `layer`.
PointingRates pointing_rates(const Network& network, Context& context, NodeId layer, std::uint64_t seed,
                             std::int64_t scenes);

}  // namespace backlight::scenes
