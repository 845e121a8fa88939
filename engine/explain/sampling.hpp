// Methods asked at other inputs than the picture: between a baseline and it, around it, turned. One generator of
// inputs, in batches, whose results come back one by one and in order: how many go together changes no bit.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/core/function_ref.hpp"
#include "engine/explain/methods.hpp"

namespace backlight {

/// Fills the C·H·W values of variant `variant`, which are the picture's when it is called. Threads make several at once.
using MakeVariant = FunctionRef<void(std::int64_t variant, std::span<double> x)>;

/// The scores of variants of one image of the probe, variants×K, before any softmax: their forwards and nothing else,
/// each made when its batch is run. `progress` may be empty.
Tensor scores_of_variants(const Probe& probe, std::int64_t image, std::int64_t variants, MakeVariant make,
                          std::int64_t batch_bytes,
                          const std::function<void(std::int64_t done, std::int64_t all)>& progress = {});

/// The question's target of such variants. The probe keeps their scores under `name`, which must say all that they are
/// made by, for the targets to come. Throws Error(usage) for a target of one's own.
std::vector<double> values_of_variants(Probe& probe, const Question& question, std::int64_t image,
                                       const std::string& name, std::int64_t variants, MakeVariant make);

/// x′ of a question about inputs like x, N×C×H×W: its path's baseline, or zeros, 1×C×H×W of double. Throws Error(usage)
/// for one of another shape.
Tensor baseline_of(const Question& question, const Tensor& x);
/// The same where there may be M of them: M×C×H×W.
Tensor baselines_of(const Question& question, const Tensor& x);

/// Value i of a draw from N(0, 1), the same for every picture of a size (Box and Muller).
double standard_normal(std::uint64_t seed, std::int64_t draw, std::int64_t i);

/// Calls make(image, variant, x) to fill the C·H·W values of x for each image of the probe and each of so many
/// variants, asks the method about them, and calls take(image, variant, result, value) in this order, with the target's
/// value there.
void for_each_variant(
    Probe& probe, const Method& method, const Question& question, std::int64_t variants,
    const std::function<void(std::int64_t image, std::int64_t variant, std::span<double> x)>& make,
    const std::function<void(std::int64_t image, std::int64_t variant, const Result& result, double value)>&
        take);

/// The method's answer, smoothed as the question's Smoothing says.
std::vector<Result> smoothed(Probe& probe, const Method& method, const Question& question);

/// n nodes and weights of a rule for ∫₀¹. Gauss–Legendre's is exact for polynomials of degree 2n−1; the trapezoid's has
/// weights ½, 1, …, 1, ½ over n−1. Throws Error(usage) for less than one node, or two of the trapezoid's.
struct QuadratureNode {
  double at = 0, weight = 0;
};
std::vector<QuadratureNode> quadrature(PathRule rule, int nodes);

}  // namespace backlight
