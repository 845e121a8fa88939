// Random numbers in place of a network's weights and of pictures.
#pragma once

#include <cstdint>

#include "engine/graph/network.hpp"

namespace backlight::bench {

/// Uniform in [low, high): timings on zeros would flatter.
void fill_uniform(Tensor& tensor, std::uint64_t seed, double low, double high);

/// Weights that keep the activations' size from layer to layer, so that nothing overflows or vanishes.
void randomise(Network& network);

}  // namespace backlight::bench
