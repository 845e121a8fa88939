// What the backward of a layer does under a rule that reads values, once for each kind of layer: an activation, and one
// that is linear in its input and in its weights. README.md has the equations.
#pragma once

#include "engine/core/function_ref.hpp"
#include "engine/graph/layer.hpp"

namespace backlight {

/// Of an activation whose gradient is in dx[0]: puts dy·(y − y′)/(x − x′) in its place. Under `rescale` x′ is the
/// batch's second half, whose own dx stays; under the LRP rules x′ = y′ = 0.
void secant_backward(const BackwardArgs& args);

/// The products that a linear layer is made of, for a weight and input of its own shapes.
struct LinearProducts {
  FunctionRef<void(const Tensor& x, const Tensor& w, const Tensor* bias, Tensor& y)> forward;
  FunctionRef<void(const Tensor& dy, const Tensor& w, Tensor& dx)> backward;  ///< overwrites dx
};

/// dx[0] under the LRP rules, of args.w = {weight, bias if there is one}. Throws Error(usage) at an input whose box is
/// not given or of another shape.
void relevance_backward(OpKind kind, const BackwardArgs& args, const LinearProducts& products);

}  // namespace backlight
