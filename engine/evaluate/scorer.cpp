#include "engine/evaluate/scorer.hpp"

#include <algorithm>

#include "engine/core/random.hpp"
#include "engine/image/map.hpp"

namespace backlight {

Scorer::Scorer(const Probe& probe, Target target, std::int64_t batch_bytes)
    : probe_(probe), target_(std::move(target)), batch_bytes_(batch_bytes) {
  if (input().shape()[0] != 1 || target_.own || target_.classes.size() != 1)
    throw Error(ErrorKind::usage, "a measure is of the score of one class of one picture, but there are ",
                input().shape()[0], " pictures and ", target_.classes.size(), " classes",
                target_.own ? ", and a target of one's own" : "");
}

std::vector<double> Scorer::values_of(const Tensor& scores, Aim aim) const {
  Target there = target_;
  there.aim = aim;
  there.classes.assign(static_cast<std::size_t>(scores.shape()[0]), target_.classes.front());
  return evaluate(there, scores).values;
}

std::vector<bool> Scorer::is_first(const Tensor& scores) const {
  const std::int64_t classes = scores.shape()[1];
  std::vector<bool> first;
  dispatch_dtype(scores.dtype(), [&]<class T>() {
    for (std::int64_t n = 0; n < scores.shape()[0]; ++n) {
      const T* row = scores.data<T>() + n * classes;
      // One output z is two classes, of scores −z and z.
      const std::int64_t best =
          classes == 1 ? (row[0] > 0 ? 1 : 0) : std::max_element(row, row + classes) - row;
      first.push_back(best == target_.classes.front());
    }
  });
  return first;
}

std::vector<double> Scorer::pixels_of(const Tensor& map) const {
  const MapSize size = require_map(map, "evaluate");
  if (size.height != height() || size.width != width())
    throw Error(ErrorKind::usage, "a map to measure is ", map.shape(), ", expected the input's ", height(),
                "×", width(), "; enlarge it with measured_map");
  const Tensor exact = map.to(DType::f64);
  return {exact.values<double>().begin(), exact.values<double>().end()};
}

Tensor measured_map(const Result& result, Preset preset, std::int64_t height, std::int64_t width) {
  if (result.gradient.defined()) return reduced(result.gradient, ChannelReduction::max_abs).to(DType::f32);
  return enlarged_evidence(result.map->map.to(DType::f32), preset, height, width);
}

std::vector<double> unit_range(std::span<const double> map) {
  std::vector<double> unit(map.begin(), map.end());
  for (double& v : unit) v = std::max(v, 0.0);
  const auto [low, high] = std::ranges::minmax(unit);
  for (double& v : unit) v = high > low ? (v - low) / (high - low) : 0;
  return unit;
}

std::uint64_t picture_seed(std::uint64_t seed, std::string_view picture) {
  return random_bits(seed, hash_of(picture));
}

}  // namespace backlight
