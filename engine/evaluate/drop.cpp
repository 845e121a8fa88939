#include "engine/evaluate/drop.hpp"

#include <algorithm>
#include <numeric>

#include "engine/evaluate/ranking.hpp"

namespace backlight {
namespace {

std::vector<double> unit_map(const Tensor& measured) {
  return unit_range(measured.to(DType::f64).values<double>());
}

}  // namespace

Confidence confidence(const Scorer& scorer, const Tensor& map, const Tensor& fill, Aim aim) {
  if (fill.defined() && fill.shape() != scorer.input().shape())
    throw Error(ErrorKind::usage, "what fills a hidden picture is ", fill.shape(), ", expected the input's ",
                scorer.input().shape());
  const std::vector<double> shown = unit_range(scorer.pixels_of(map));
  const Tensor rest =
      fill.defined() ? fill.to(DType::f64) : Tensor::zeros(scorer.input().shape(), DType::f64);
  const auto make = [&](std::int64_t, std::span<double> x) {
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double m = shown[i % shown.size()];
      x[i] = x[i] * m + rest.values<double>()[i] * (1 - m);
    }
  };
  return {scorer.value(aim), scorer.values(aim, 1, make).front()};
}

std::optional<double> Adcc::value() const {
  if (!coherency) return std::nullopt;
  const double a = *coherency, b = 1 - complexity, c = 1 - drop;
  return a > 0 && b > 0 && c > 0 ? 3 / (1 / a + 1 / b + 1 / c) : 0;
}

Adcc adcc(Probe& probe, const Method& method, const Question& question, const Tensor& map, double drop) {
  const Shape& input = probe.input().shape();
  const std::vector<double> shown = unit_map(map);
  Tensor masked = probe.input().clone();
  dispatch_dtype(masked.dtype(), [&]<class T>() {
    for (std::int64_t i = 0; i < masked.numel(); ++i)
      masked.data<T>()[i] *= static_cast<T>(shown[static_cast<std::size_t>(i) % shown.size()]);
  });
  Probe there = probe.at(std::move(masked));
  const Result again = std::move(method.explain(there, question).front());
  Adcc result;
  if (const auto r = pearson(shown, unit_map(measured_map(again, question.preset, input[2], input[3]))))
    result.coherency = (1 + *r) / 2;
  result.complexity = std::accumulate(shown.begin(), shown.end(), 0.0) / static_cast<double>(shown.size());
  result.drop = drop;
  return result;
}

}  // namespace backlight
