// Sanity checks (Adebayo et al. 2018, arXiv:1810.03292): a map that stays as it is when the network forgets what it has
// learned does not show what the network has learned.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/explain/methods.hpp"

namespace backlight {

/// Which layers have parameters as before training: from the scores downwards, one more each time, or one alone.
enum class RandomizationOrder : std::uint8_t { cascading, independent };

/// Layers with parameters, from the scores downwards, by the name of their first node; a batch norm belongs to the layer
/// that it reads.
std::vector<std::string> randomizable_layers(const Network& network);

struct RandomizedNetwork {
  std::string layer;  ///< the last that was randomized
  NodeId first = 0;   ///< the first node that computes something else than in the trained network
  std::shared_ptr<const Network> network;  ///< shares what it can with the trained one
};

/// One network per layer, in that order. Parameters become what initialise(network, seed) makes of them, a pure function
/// of the seed, a layer's name and its shape. Randomized batch norms have weight 1, bias 0, and the mean and the unbiased
/// variance of what reaches them from `pictures` (N×C×H×W, a few), lowest first; otherwise activations explode or vanish.
/// Throws Error(usage) for a network of batch norms without pictures.
std::vector<RandomizedNetwork> randomized_networks(const Network& network, Context& context,
                                                   RandomizationOrder order, std::uint64_t seed,
                                                   const Tensor& pictures = {});

/// Of the maps of one randomized and of the trained network; nothing where one of the two is constant (SciPy: NaN).
struct MapSimilarity {
  std::string layer;
  std::optional<double> spearman = {};         ///< of measured_map, which has no signs
  std::optional<double> signed_spearman = {};  ///< of the raw map, a gradient summed over channels
  std::optional<double> ssim = {};             ///< where asked for: of measured_map in unit_range
  std::optional<double> hog = {};              ///< where asked for: Spearman of its HOG
};

struct SimilarityOptions {
  bool ssim = false, hog = false;
};

/// The similarities of the map of image 0 of `probe`, which was made as the method needs, of the trained network. The
/// target is fixed. A map at one layer runs only what follows it and the first randomized node; gradients go through
/// everything. Throws what Method::explain, ssim() and hog() do.
std::vector<MapSimilarity> randomization(Probe& probe, const Method& method, const Question& question,
                                         std::span<const RandomizedNetwork> networks,
                                         const SimilarityOptions& options = {});

}  // namespace backlight
