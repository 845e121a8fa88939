// ROAD: remove and debias (Rong et al. 2022, arXiv:2202.00449): what the class's score becomes without the strongest
// pixels, and without the weakest.
#pragma once

#include <string>
#include <vector>

#include "engine/evaluate/scorer.hpp"

namespace backlight {

/// road: exactly round(p·H·W) of the map's order are removed, the strongest (MoRF) or the weakest (LeRF).
/// pytorch_grad_cam: those at or above a percentile, as its 1.5.7 does: of `share` p, MoRF keeps what is below the p-th
/// percentile of the map, LeRF what is below that of 1 − map. A Grad-CAM map is half zeros, so MoRF then removes the
/// whole picture for small p (the answer of the singular system is zeros), and LeRF the same pixels for all large ones.
enum class RoadProtocol : std::uint8_t { road, pytorch_grad_cam };

struct RoadOptions {
  std::vector<double> shares = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9};
  /// σ of what is added to missing pixels, one per channel, in the input's units: 0.01/std for the paper's 0.01 of the
  /// range before normalisation; pytorch-grad-cam adds 0.01 after it. Empty: none. A pure function of the seed, the
  /// picture's name, order and share.
  std::vector<double> noise = {};
  std::uint64_t seed = 0;
  std::string picture = {};
  RoadProtocol protocol = RoadProtocol::road;
};

/// Of one order, by share.
struct RoadCurve {
  std::vector<double> scores;  ///< probability of the class
  std::vector<bool>
      first;  ///< whether the class still is the network's first; their share over pictures: accuracy

  double mean() const;
};

struct Road {
  std::vector<double> shares;
  double before = 0;     ///< probability of the class for the picture
  RoadCurve morf, lerf;  ///< most, least relevant first

  /// (mean LeRF − mean MoRF)/2; more is better.
  double combined() const { return (lerf.mean() - morf.mean()) / 2; }
};

/// Missing pixels are filled by an Imputer. Throws Error(usage) for no shares, shares outside 0…1, and a noise of
/// another number of channels, Error(bad_input) where a share leaves no pixel (road alone), and as Scorer::pixels_of.
Road road(const Scorer& scorer, const Tensor& map, const RoadOptions& options = {});

}  // namespace backlight
