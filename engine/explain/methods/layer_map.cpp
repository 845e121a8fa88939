#include "engine/explain/methods/layer_map.hpp"

#include <algorithm>
#include <utility>

namespace backlight {
namespace {

Tensor rounded(const std::vector<double>& values, Shape shape, DType dtype) {
  Tensor exact(std::move(shape), DType::f64);
  std::ranges::copy(values, exact.data<double>());
  return exact.to(dtype);
}

std::vector<double> sum_of(const std::vector<double>& terms, std::int64_t channels, std::int64_t plane) {
  std::vector<double> sum(static_cast<std::size_t>(plane), 0.0);
  for (std::int64_t k = 0; k < channels; ++k)
    for (std::int64_t i = 0; i < plane; ++i)
      sum[static_cast<std::size_t>(i)] += terms[static_cast<std::size_t>(k * plane + i)];
  return sum;
}

}  // namespace

LayerTerms weighted_terms(const LayerValues& at, std::vector<double> weights) {
  LayerTerms terms;
  terms.values.reserve(static_cast<std::size_t>(at.channels * at.plane));
  for (std::int64_t k = 0; k < at.channels; ++k)
    for (std::int64_t i = 0; i < at.plane; ++i)
      terms.values.push_back(weights[static_cast<std::size_t>(k)] * at.activations(k)[i]);
  terms.alpha = std::move(weights);
  return terms;
}

PathAverage path_of(const Question& question) { return {question.path_average, question.batch_bytes}; }

TermReduction reduction_of(const Question& question) {
  return question.eigen_smooth ? TermReduction::centred_component : TermReduction::sum;
}

std::vector<Result> layer_maps(const Tensor& activations, const Tensor* gradient, TermReduction reduction,
                               const std::function<LayerTerms(const LayerValues&)>& terms_of) {
  const Shape& shape = activations.shape();
  const Tensor a = activations.to(DType::f64), g = gradient ? gradient->to(DType::f64) : Tensor();
  const std::int64_t channels = shape[1], plane = shape[2] * shape[3];
  std::vector<Result> results;
  for (std::int64_t n = 0; n < shape[0]; ++n) {
    const std::int64_t offset = n * channels * plane;
    LayerTerms terms = terms_of(
        {n, channels, plane, a.data<double>() + offset, gradient ? g.data<double>() + offset : nullptr});
    const std::vector<double> map = reduction == TermReduction::sum
                                        ? sum_of(terms.values, channels, plane)
                                        : first_component(std::move(terms.values), channels, plane,
                                                          reduction == TermReduction::centred_component);
    Result& result = results.emplace_back();
    result.map.emplace();
    if (!terms.alpha.empty()) result.map->alpha = rounded(terms.alpha, {channels}, activations.dtype());
    result.map->map = rounded(map, {shape[2], shape[3]}, activations.dtype());
  }
  return results;
}

std::vector<Result> layer_maps(Probe& probe, const Question& question,
                               const std::function<LayerTerms(const LayerValues&)>& terms_of) {
  return layer_maps(probe.activation(*question.layer),
                    &probe.gradient(*question.layer, question.target, path_of(question)),
                    reduction_of(question), terms_of);
}

}  // namespace backlight
