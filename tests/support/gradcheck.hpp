// Gradients against central differences, in double precision.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/graph/network.hpp"

namespace backlight::test {

struct GradcheckResult {
  double worst = 0;   ///< largest |analytic - numeric| / max(1, |numeric|); infinity for a NaN
  std::string where;  ///< the tensor and element of the worst
  std::int64_t checked = 0;
};

/// Compares ∂(Σ r·y)/∂x and /∂parameters, r random, element by element with central differences of step 1e-5.
/// Converts the network to float64. `x`, one per input, must stay off kinks; tokens are given and not varied.
GradcheckResult gradcheck(Network& network, std::vector<Tensor> x, Mode mode = {});
inline GradcheckResult gradcheck(Network& network, Tensor x, Mode mode = {}) {
  std::vector<Tensor> one;
  one.push_back(std::move(x));
  return gradcheck(network, std::move(one), mode);
}

/// A network of one layer on one input.
Network single(std::unique_ptr<Layer> layer, std::int64_t channels);

}  // namespace backlight::test
