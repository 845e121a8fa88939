// One case table per operation feeds the naive reference, the goldens and what every layer must keep.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/graph/network.hpp"
#include "kernels/naive.hpp"

namespace backlight::test {

/// A layer on inputs of given shapes. Inputs x0, x1, …, parameters and dy are filled under "<name>.x0" and so
/// on: dy and parameters from [-1, 1), running_var from [0.5, 2).
struct LayerCase {
  std::string name;  ///< e.g. "max_pool2d.overlapping"
  std::function<std::unique_ptr<Layer>()> make;
  std::vector<Shape> x;
  double low = -1, high = 1;  ///< range of the inputs
  double step = 0;            ///< above 0: inputs are multiples of it, so that ties occur
  bool training = false;
  int tokens = -1;  ///< the input that holds token ids of int32, in [0, kTokenIds)
};
inline constexpr int kTokenIds = 5;

/// The layer, as "layer", with its parameters filled, on inputs of the case's ranks; several values of it are joined
/// into one, in rows.
Network network_of(const LayerCase& c);
LayerInputs inputs_of(const LayerCase& c, DType dtype = DType::f32);

/// Forward and backward of the layer alone, every buffer between sentinels and NaN before it is written; dw
/// starts at zero. Backward is given what Layer::needs asks for and nothing else. Throws when a sentinel was
/// hit.
LayerResult run_layer(const LayerCase& c, const LayerInputs& in, int threads = 1,
                      BackwardRule rule = BackwardRule::standard);

/// Checks y, dx and dw against a float64 reference of the same inputs, each within `tolerance` of its largest
/// value.
using Reference = std::function<LayerResult(const LayerCase&, const LayerInputs&)>;
void check_reference(std::span<const LayerCase> cases, const Reference& reference, double tolerance,
                     BackwardRule rule = BackwardRule::standard);

/// Checks y, dx and dw against "<name>.y", "<name>.dx0", "<name>.dweight" of tests/golden/<stem>.safetensors; further
/// values are "<name>.y1" and so on.
void check_goldens(std::span<const LayerCase> cases, double tolerance, std::string_view stem = "layers");

/// Checks dx and dw against finite differences in double; `off_kinks` spaces the first input's values out.
void check_gradients(std::span<const LayerCase> cases, bool off_kinks = false);

/// Checks the promises of every layer, bit for bit: a batch gives what its images give one by one (but for
/// training), the number of threads changes nothing, running in place changes nothing, dw is added to, and a
/// gradient that nobody wants may be left out.
void check_promises(std::span<const LayerCase> cases);

}  // namespace backlight::test
