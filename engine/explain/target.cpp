#include "engine/explain/target.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string>

#include "engine/core/nearest.hpp"
#include "engine/explain/softmax.hpp"

namespace backlight {
namespace {

constexpr std::array<std::string_view, 6> kAimNames{
    "score", "probability", "log-probability", "finer", "finer-pytorch-grad-cam", "finer-torch-cam"};
constexpr std::size_t kFinerReferences = 3;
constexpr double kTorchCamStrength = 0.6;

bool is_finer(Aim aim) {
  return aim == Aim::finer || aim == Aim::finer_pytorch_grad_cam || aim == Aim::finer_torch_cam;
}

/// The target of one image, as it is added up.
struct ImageTarget {
  const Target& target;
  bool sigmoid;
  const std::vector<double>& y;
  double value = 0;
  std::vector<double> dy = std::vector<double>(y.size(), 0.0);

  void add(std::size_t n, double weight) {
    if (target.aim == Aim::score)
      add_score(n, weight);
    else if (is_finer(target.aim))
      add_finer(n, weight);
    else if (sigmoid)
      add_sigmoid(n, weight);
    else
      add_softmax(n, weight);
  }

  void add_score(std::size_t n, double weight) {
    value += weight * y[n];
    dy[n] += weight;
  }

  void add_sigmoid(std::size_t n, double weight) {
    const double p = 1 / (1 + std::exp(-y[n])), rest = 1 / (1 + std::exp(y[n]));
    const bool plain = target.aim == Aim::probability;
    value += weight * (plain ? p : std::min(y[n], 0.0) - std::log1p(std::exp(-std::abs(y[n]))));
    dy[n] += weight * (plain ? p * rest : rest);
  }

  void add_softmax(std::size_t n, double weight) {
    const std::vector<double> p = softmax_of(y);
    const bool plain = target.aim == Aim::probability;
    const double largest = std::ranges::max(y), slope = weight * (plain ? p[n] : 1);
    const double sum = std::accumulate(y.begin(), y.end(), 0.0,
                                       [&](double to, double v) { return to + std::exp(v - largest); });
    value += weight * (plain ? p[n] : y[n] - largest - std::log(sum));
    for (std::size_t c = 0; c < y.size(); ++c) dy[c] += slope * ((c == n ? 1 : 0) - p[c]);
  }

  void add_finer(std::size_t n, double weight) {
    std::vector<std::size_t> nearest;
    for (std::size_t c = 0; c < y.size(); ++c)
      if (c != n) nearest.push_back(c);
    std::ranges::stable_sort(
        nearest, [&](std::size_t a, std::size_t b) { return std::abs(y[a] - y[n]) < std::abs(y[b] - y[n]); });
    nearest.resize(std::min(nearest.size(), kFinerReferences));
    std::vector<double> q;
    for (const std::size_t c : nearest) q.push_back(y[c]);
    q = softmax_of(std::move(q));
    if (target.aim == Aim::finer_torch_cam)
      std::ranges::fill(q, kTorchCamStrength / static_cast<double>(q.size()));
    double mean = 0;
    for (std::size_t r = 0; r < q.size(); ++r) mean += q[r] * y[nearest[r]];
    add_score(n, weight);
    value -= weight * mean;
    for (std::size_t r = 0; r < q.size(); ++r) {
      const double through_q = target.aim == Aim::finer_pytorch_grad_cam ? y[nearest[r]] - mean : 0;
      dy[nearest[r]] -= weight * q[r] * (1 + through_q);
    }
  }
};

}  // namespace

std::string_view name_of(Aim aim) { return kAimNames.at(static_cast<std::size_t>(aim)); }

Aim parse_aim(std::string_view name) {
  const std::vector<std::string> names(kAimNames.begin(), kAimNames.end());
  const auto found = std::ranges::find(names, name);
  if (found == names.end())
    throw Error(ErrorKind::usage, "unknown target '", name, "'", did_you_mean(name, names),
                ": expected score, probability, log-probability, finer, finer-pytorch-grad-cam or "
                "finer-torch-cam");
  return static_cast<Aim>(found - names.begin());
}

OwnTarget similarity(NodeId node, const Tensor& v, std::span<const float> u) {
  const std::int64_t images = v.shape()[0];
  const auto size = static_cast<std::size_t>(images > 0 ? v.numel() / images : 0);
  if (u.size() != size)
    throw Error(ErrorKind::usage, "the vector to compare with has ", u.size(), " values, those of ",
                v.shape(), " have ", size);
  const auto length_of = [](auto values) {
    double sum = 0;
    for (const double x : values) sum += x * x;
    if (!(sum > 0) || !std::isfinite(sum))
      throw Error(ErrorKind::bad_input, "a vector of ", values.size(), " values has the length ",
                  std::sqrt(sum), ", and no direction to compare");
    return std::sqrt(sum);
  };
  const double length = length_of(u);
  const Tensor exact = v.to(DType::f64);
  Tensor gradient(v.shape(), DType::f64);
  OwnTarget result;
  for (std::size_t n = 0; n < static_cast<std::size_t>(images); ++n) {
    const std::span<const double> own = exact.values<double>().subspan(n * size, size);
    const double own_length = length_of(own);
    double cosine = 0;
    for (std::size_t i = 0; i < size; ++i) cosine += own[i] / own_length * (u[i] / length);
    for (std::size_t i = 0; i < size; ++i)
      gradient.values<double>()[n * size + i] = (u[i] / length - cosine * own[i] / own_length) / own_length;
    result.values.push_back(cosine);
  }
  result.seed = {node, gradient.to(v.dtype())};
  return result;
}

OwnTarget masked_sum(NodeId node, const Tensor& y, std::span<const std::int64_t> classes,
                     const Tensor& mask) {
  const Shape& shape = y.shape();
  if (shape.rank() != 4 || mask.shape() != Shape{shape[2], shape[3]} ||
      static_cast<std::int64_t>(classes.size()) != shape[0])
    throw Error(ErrorKind::usage, "a mask of ", mask.shape(), " and ", classes.size(),
                " classes were given for ", shape, ", expected N×C×H×W, H×W and N");
  const Tensor exact = y.to(DType::f64), weights = mask.to(DType::f64);
  Tensor gradient = Tensor::zeros(shape, DType::f64);
  const auto plane = static_cast<std::size_t>(mask.numel());
  OwnTarget result;
  for (std::size_t n = 0; n < classes.size(); ++n) {
    if (classes[n] < 0 || classes[n] >= shape[1])
      throw Error(ErrorKind::usage, "class ", classes[n], " was asked for, but ", shape, " has classes 0 to ",
                  shape[1] - 1);
    const std::size_t at =
        (n * static_cast<std::size_t>(shape[1]) + static_cast<std::size_t>(classes[n])) * plane;
    std::ranges::copy(weights.values<double>(),
                      gradient.values<double>().begin() + static_cast<std::ptrdiff_t>(at));
    result.values.push_back(
        std::inner_product(weights.values<double>().begin(), weights.values<double>().end(),
                           exact.values<double>().begin() + static_cast<std::ptrdiff_t>(at), 0.0));
  }
  result.seed = {node, gradient.to(y.dtype())};
  return result;
}

bool is_sum_of_scores(const Target& target) { return !target.own && target.aim == Aim::score; }

TargetValues evaluate(const Target& target, const Tensor& scores) {
  if (scores.shape().rank() != 2 || scores.shape()[0] != static_cast<std::int64_t>(target.classes.size()))
    throw Error(ErrorKind::usage, target.classes.size(), " classes were given for scores of ", scores.shape(),
                ", expected one per row");
  const std::int64_t outputs = scores.shape()[1];
  if (is_finer(target.aim) && !target.others.empty())
    throw Error(ErrorKind::usage, "the target ", name_of(target.aim),
                " finds the classes that it is against by itself; use the target score for some of your own");
  const bool single = outputs == 1;
  const auto checked = [&, last = single ? 1 : outputs - 1](std::int64_t index) {
    if (index < 0 || index > last)
      throw Error(ErrorKind::usage, "class ", index, " was asked for, but the network has classes 0 to ",
                  last);
    return static_cast<std::size_t>(index);
  };
  const double sign = target.direction == Direction::evidence ? 1 : -1;
  const Tensor exact = scores.to(DType::f64);
  Tensor gradient(scores.shape(), DType::f64);
  TargetValues result;
  for (std::int64_t n = 0; n < scores.shape()[0]; ++n) {
    const double* row = exact.data<double>() + n * outputs;
    const std::vector<double> y =
        single ? std::vector{-row[0], row[0]} : std::vector<double>(row, row + outputs);
    ImageTarget of{target, target.sigmoid || single, y};
    of.add(checked(target.classes[static_cast<std::size_t>(n)]), sign);
    for (const Target::Other& other : target.others) of.add(checked(other.index), sign * other.weight);
    result.values.push_back(of.value);
    double* const to = gradient.data<double>() + n * outputs;
    if (single)
      *to = of.dy[1] - of.dy[0];
    else
      std::ranges::copy(of.dy, to);
  }
  result.gradient = gradient.to(scores.dtype());
  return result;
}

}  // namespace backlight
