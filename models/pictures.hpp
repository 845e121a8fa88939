// A model and one picture: what every front end does before and after a method.
#pragma once

#include "engine/explain/methods.hpp"
#include "models/model.hpp"

namespace backlight {

/// The network's input. `backward_to_input`: whether the input's gradient will be asked for. Throws
/// Error(bad_input) for a picture that cannot be left at its own size, Error(resources) for one too large for
/// the memory there is.
Fitted fit_picture(const Image& image, const Model& model, Fit fit, bool backward_to_input);

/// From where integrated gradients come: the mean colour, which is zero to the network; black; the input blurred by a
/// Gaussian whose σ is a twentieth of its short side.
enum class Baseline : std::uint8_t { mean, black, blur };
/// 1×C×H×W, for an input x of this shape in the host's memory. Of a network of four channels alpha stays the input's.
Tensor baseline(Baseline which, const Tensor& x, const Preprocessing& how);

/// What LRP's z-box rule asks of an input x of this shape, black to white; null for methods that do not.
std::shared_ptr<const InputRange> input_range(const Method& method, const Tensor& x,
                                              const Preprocessing& how);

/// The method's answer about the only picture of a probe, a gradient in the order R G B whatever order the
/// network takes. A question without a range has the input's. Throws as Method::explain, Error(bad_input) for a result that is not finite.
Result explain_picture(Probe& probe, const Method& method, const Question& question,
                       const Preprocessing& how);

}  // namespace backlight
