// What the parameters of a network are before training.
#pragma once

#include <cstdint>

#include "engine/graph/network.hpp"

namespace backlight {

/// Convolutions: uniform in ±√(6/fan_in), so that a ReLU network keeps the variance of its activations (He et
/// al. 2015, arXiv:1502.01852). Linear layers and LSTMs: uniform in ±√(1/fan_in). Embeddings: uniform in ±√3,
/// of variance 1, so that words differ from the start. Batch norm: the identity, running statistics of mean 0
/// and variance 1. Biases: 0. A function of `seed` and the parameters' names and shapes alone.
void initialise(Network& network, std::uint64_t seed);

}  // namespace backlight
