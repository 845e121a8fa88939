// What the maps of a layer share. Each is a sum over channels, L = Σ_k T_k; they differ in the terms T_k, which
// each makes of the activations A and the gradient g = ∂target/∂A. Computed on the host, in double and in a fixed
// order: of an image at a layer there is little, and a batch gives the bits of its images.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "engine/explain/methods.hpp"

namespace backlight {

/// One image at one layer: K channels of h·w positions, row by row.
struct LayerValues {
  std::int64_t image = 0;  ///< its place in the batch
  std::int64_t channels = 0, plane = 0;
  const double* a = nullptr;
  const double* g = nullptr;  ///< null where no gradient was given

  const double* activations(std::int64_t k) const { return a + k * plane; }
  const double* gradient(std::int64_t k) const { return g + k * plane; }
};

struct LayerTerms {
  std::vector<double> values = {};  ///< T, channels×plane
  std::vector<double> alpha = {};   ///< w, channels, of terms T_k = w_k A_k; else empty
};

/// T_k = w_k A_k.
LayerTerms weighted_terms(const LayerValues& at, std::vector<double> weights);

/// What becomes of the terms: their sum, or their first principal component.
enum class TermReduction : std::uint8_t { sum, first_component, centred_component };

/// Over which way a layer's gradient is averaged.
PathAverage path_of(const Question& question);

/// The sum, or with Question::eigen_smooth the centred first component.
TermReduction reduction_of(const Question& question);

/// One map per image of activations N×K×h×w; the gradient, of the same shape, may be null.
std::vector<Result> layer_maps(const Tensor& activations, const Tensor* gradient, TermReduction reduction,
                               const std::function<LayerTerms(const LayerValues&)>& terms_of);
/// The same of what a question asks of a probe, with the gradient.
std::vector<Result> layer_maps(Probe& probe, const Question& question,
                               const std::function<LayerTerms(const LayerValues&)>& terms_of);

/// With T as a matrix of positions × channels and v₁ its first right singular vector: T·v₁, one value per position.
/// `centred` takes each channel's mean off first. A singular vector has no sign; here the component is the one that
/// agrees with the sum of the terms, Σ_ij (T·v₁)_ij Σ_k T_k,ij ≥ 0.
std::vector<double> first_component(std::vector<double> terms, std::int64_t channels, std::int64_t plane,
                                    bool centred);

}  // namespace backlight
