#include "engine/evaluate/drop.hpp"

#include <algorithm>
#include <numeric>

#include "engine/evaluate/ranking.hpp"

namespace backlight {
namespace {

/// Its unit_range, at the input's size.
std::vector<double> unit_map(const Result& result, const Question& question, const Shape& input) {
  const Tensor map = measured_map(result, question.preset, input[2], input[3]).to(DType::f64);
  return unit_range(map.values<double>());
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

double win(std::span<const Confidence> one, std::span<const Confidence> other) {
  if (one.size() != other.size() || one.empty())
    throw Error(ErrorKind::usage, "a share of wins of ", one.size(), " and ", other.size(),
                " pictures was asked for");
  std::size_t wins = 0;
  for (std::size_t i = 0; i < one.size(); ++i) wins += one[i].drop() < other[i].drop() ? 1 : 0;
  return static_cast<double>(wins) / static_cast<double>(one.size());
}

std::optional<double> Adcc::value() const {
  if (!coherency) return std::nullopt;
  const double a = *coherency, b = 1 - complexity, c = 1 - drop;
  return a > 0 && b > 0 && c > 0 ? 3 / (1 / a + 1 / b + 1 / c) : 0;
}

Adcc adcc(Probe& probe, const Method& method, const Question& question, double drop) {
  const Shape& input = probe.input().shape();
  const std::vector<double> map = unit_map(method.explain(probe, question).front(), question, input);
  Tensor masked = probe.input().clone();
  dispatch_dtype(masked.dtype(), [&]<class T>() {
    for (std::int64_t i = 0; i < masked.numel(); ++i)
      masked.data<T>()[i] *= static_cast<T>(map[static_cast<std::size_t>(i) % map.size()]);
  });
  Probe there = probe.at(std::move(masked));
  const std::vector<double> again = unit_map(method.explain(there, question).front(), question, input);
  Adcc result;
  if (const auto r = pearson(map, again)) result.coherency = (1 + *r) / 2;
  result.complexity = std::accumulate(map.begin(), map.end(), 0.0) / static_cast<double>(map.size());
  result.drop = drop;
  return result;
}

}  // namespace backlight
