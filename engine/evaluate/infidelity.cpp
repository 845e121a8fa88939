#include "engine/evaluate/infidelity.hpp"

#include <algorithm>
#include <cmath>

#include "engine/core/random.hpp"
#include "engine/explain/sampling.hpp"

namespace backlight {
namespace {

void require_draws(int draws) {
  if (draws < 1) throw Error(ErrorKind::usage, draws, " draws were asked for, expected 1 or more");
}

/// Makes x̃ of x.
void perturb(const PerturbationOptions& options, const Scorer& scorer, std::int64_t draw,
             std::span<double> x) {
  const std::uint64_t seed = picture_seed(options.seed, options.picture);
  if (options.perturbation == Perturbation::gaussian) {
    const auto [low, high] = std::ranges::minmax(x);
    for (std::size_t i = 0; i < x.size(); ++i)
      x[i] -= 0.1 * (high - low) * standard_normal(seed, draw, static_cast<std::int64_t>(i));
    return;
  }
  const std::int64_t height = scorer.height(), width = scorer.width();
  const std::int64_t side = std::max<std::int64_t>(1, std::min(height, width) / 8);
  const auto place = [&](int axis, std::int64_t places) {
    const auto index = static_cast<std::uint64_t>(2 * draw + axis);
    return static_cast<std::int64_t>(random_uniform(seed, index) * static_cast<double>(places));
  };
  const std::int64_t top = place(0, height - side + 1), left = place(1, width - side + 1);
  for (std::int64_t plane = 0; plane < std::ssize(x); plane += height * width)
    for (std::int64_t y = top; y < top + side; ++y)
      for (std::int64_t column = left; column < left + side; ++column)
        x[static_cast<std::size_t>(plane + y * width + column)] = 0;
}

double norm(std::span<const double> values) {
  double sum = 0;
  for (const double v : values) sum += v * v;
  return std::sqrt(sum);
}

}  // namespace

double infidelity(const Scorer& scorer, const Tensor& attribution, const PerturbationOptions& options) {
  require_draws(options.draws);
  const std::int64_t size = attribution.numel(), pixels = scorer.pixels();
  if (attribution.shape()[-2] != scorer.height() || attribution.shape()[-1] != scorer.width() ||
      (size != pixels && size != scorer.input().numel()))
    throw Error(ErrorKind::usage, "an attribution to measure is ", attribution.shape(), ", expected ",
                scorer.height(), "×", scorer.width(), ", with or without the input's ", scorer.channels(),
                " channels");
  const Tensor phi = attribution.to(DType::f64), x = scorer.input().to(DType::f64);
  std::vector<double> foretold(static_cast<std::size_t>(options.draws));
  const std::vector<double> after =
      scorer.values(Aim::score, options.draws, [&](std::int64_t draw, std::span<double> perturbed) {
        perturb(options, scorer, draw, perturbed);
        double sum = 0;
        for (std::int64_t i = 0; i < std::ssize(perturbed); ++i) {
          const double was = x.data<double>()[i];
          double change = was - perturbed[static_cast<std::size_t>(i)];
          if (options.multiplied && was != 0) change /= was;
          sum += change * phi.data<double>()[i % size];
        }
        foretold[static_cast<std::size_t>(draw)] = sum;
      });
  double aa = 0, ab = 0;
  for (std::size_t i = 0; i < after.size(); ++i) {
    aa += foretold[i] * foretold[i];
    ab += foretold[i] * (scorer.value(Aim::score) - after[i]);
  }
  const double beta = options.normalise && aa > 0 ? ab / aa : 1;
  double sum = 0;
  for (std::size_t i = 0; i < after.size(); ++i) {
    const double error = beta * foretold[i] - (scorer.value(Aim::score) - after[i]);
    sum += error * error;
  }
  return sum / options.draws;
}

std::optional<double> max_sensitivity(Probe& probe, const Method& method, const Question& question,
                                      const SensitivityOptions& options) {
  require_draws(options.draws);
  if (!(options.radius > 0))
    throw Error(ErrorKind::usage, "a radius of ", options.radius, " was asked for, expected a positive one");
  if (question.smoothing != Smoothing::none || probe.input().shape()[0] != 1)
    throw Error(ErrorKind::usage,
                "the sensitivity of one picture is measured, and of a method without smoothing");
  method.require_defined(question);
  const Tensor own = method.ask(probe, question).front().raw().to(DType::f64);
  const double length = norm(own.values<double>());
  if (!(length > 0)) return std::nullopt;
  const Tensor x = probe.input().to(DType::f64);
  const std::uint64_t seed = picture_seed(options.seed, options.picture);
  double worst = 0;
  for_each_variant(
      probe, method, question, options.draws,
      [&](std::int64_t, std::int64_t draw, std::span<double> to) {
        const std::uint64_t stream = random_bits(seed, static_cast<std::uint64_t>(draw));
        for (std::size_t i = 0; i < to.size(); ++i)
          to[i] = x.values<double>()[i] + options.radius * (2 * random_uniform(stream, i) - 1);
      },
      [&](std::int64_t, std::int64_t, const Result& result, double) {
        const Tensor there = result.raw().to(DType::f64);
        std::vector<double> off(own.values<double>().begin(), own.values<double>().end());
        for (std::size_t i = 0; i < off.size(); ++i) off[i] -= there.values<double>()[i];
        worst = std::max(worst, norm(off) / length);
      });
  return worst;
}

}  // namespace backlight
