#include "engine/evaluate/attack.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "engine/core/random.hpp"
#include "engine/explain/explanation.hpp"

namespace backlight {
namespace {

void require_one_size(const Image& a, const Image& b, const char* who) {
  if (a.width != b.width || a.height != b.height)
    throw Error(ErrorKind::usage, "[", who, "] one picture is ", a.width, "×", a.height, ", the other ",
                b.width, "×", b.height, "; expected one size");
}

void check(const AttackOptions& options, const Preprocessing& how) {
  if (options.epsilon < 1 || options.epsilon > 255 || options.step < 1 || options.step > 255)
    throw Error(ErrorKind::usage, "an attack by steps of ", options.step, " within ", options.epsilon,
                " levels was asked for, expected 1 to 255 of each");
  if (options.steps < 1 || !(options.probability > 0 && options.probability < 1))
    throw Error(ErrorKind::usage, "an attack of ", options.steps, " steps towards a probability of ",
                options.probability, " was asked for, expected at least one and a number between 0 and 1");
  if (how.channels == 4)
    throw Error(ErrorKind::unsupported,
                "the network takes alpha, which the picture that an attack writes does not hold");
}

Tensor batch_of(const std::vector<Attacked>& pictures, const std::vector<std::size_t>& which,
                const Preprocessing& how) {
  const Image& first = pictures[which.front()].image;
  Tensor x({std::ssize(which), how.channels, first.height, first.width});
  float* to = x.data<float>();
  for (const std::size_t i : which)
    to = std::ranges::copy(normalise(pictures[i].image, how).values(), to).out;
  return x;
}

}  // namespace

void sign_step(Image& image, const Image& original, std::span<const float> gradient, const Preprocessing& how,
               const AttackOptions& options) {
  require_one_size(image, original, "sign_step");
  const std::size_t pixels = static_cast<std::size_t>(image.width) * image.height;
  if (gradient.size() != pixels * how.channels)
    throw Error(ErrorKind::usage, "[sign_step] the gradient has ", gradient.size(), " values, expected ",
                how.channels, " for each of ", pixels, " pixels");
  for (std::size_t i = 0; i < pixels; ++i)
    for (std::size_t c = 0; c < 3; ++c) {
      const std::size_t plane = how.channels == 1 ? 0 : how.bgr ? 2 - c : c;
      const float slope = gradient[plane * pixels + i];
      const int was = original.rgb[3 * i + c], now = image.rgb[3 * i + c];
      const int moved = now + options.step * ((slope > 0) - (slope < 0));
      image.rgb[3 * i + c] = static_cast<std::uint8_t>(
          std::clamp(moved, std::max(was - options.epsilon, 0), std::min(was + options.epsilon, 255)));
    }
}

std::vector<Attacked> attack(Programs& programs, Context& context, std::span<const Image> seen,
                             std::span<const std::int64_t> towards, bool sigmoid, const Preprocessing& how,
                             const AttackOptions& options, FunctionRef<void(std::size_t done)> done) {
  check(options, how);
  if (seen.size() != towards.size())
    throw Error(ErrorKind::usage, "[attack] there are ", towards.size(), " classes for ", seen.size(),
                " pictures, expected one for each");
  std::vector<Attacked> pictures;
  std::vector<std::size_t> left;
  for (const Image& picture : seen) {
    require_one_size(seen.front(), picture, "attack");
    left.push_back(pictures.size());
    pictures.push_back({picture});
  }
  for (int step = 0; !left.empty(); ++step) {
    Explanation explanation(programs, context, batch_of(pictures, left, how), {}, /*input_gradient=*/true);
    Target target{.aim = Aim::log_probability, .sigmoid = sigmoid};
    for (const std::size_t i : left) target.classes.push_back(towards[i]);
    const std::vector<double> logs = evaluate(target, context.to_host(explanation.scores())).values;
    const auto enough = [&](double log_p) { return std::exp(log_p) > options.probability; };
    const bool last = step == options.steps;
    Tensor gradient;
    if (!last && !std::ranges::all_of(logs, enough))
      gradient = context.to_host(explanation.gradient(explanation.target(target), BackwardRule::standard));

    std::vector<std::size_t> on;
    for (std::size_t n = 0; n < left.size(); ++n) {
      Attacked& picture = pictures[left[n]];
      picture.probability = std::exp(logs[n]);
      if (step == 0) picture.before = picture.probability;
      if (last || enough(logs[n])) continue;
      const std::size_t each = gradient.values().size() / left.size();
      sign_step(picture.image, seen[left[n]], gradient.values().subspan(n * each, each), how, options);
      ++picture.steps;
      on.push_back(left[n]);
    }
    left = std::move(on);
    done(pictures.size() - left.size());
  }
  return pictures;
}

Image random_twin(const Image& original, const Image& attacked, const Preprocessing& how,
                  std::uint64_t seed) {
  require_one_size(original, attacked, "random_twin");
  Image twin = original;
  for (std::size_t i = 0; i < twin.rgb.size(); ++i) {
    const int was = original.rgb[i], by = std::abs(attacked.rgb[i] - was);
    const bool up = (random_bits(seed, how.channels == 1 ? i / 3 : i) & 1) != 0;
    const bool possible = up ? was + by <= 255 : was - by >= 0;
    twin.rgb[i] = static_cast<std::uint8_t>(up == possible ? was + by : was - by);
  }
  return twin;
}

Image difference(const Image& a, const Image& b, int factor) {
  require_one_size(a, b, "difference");
  Image shown = a;
  for (std::size_t i = 0; i < shown.rgb.size(); ++i)
    shown.rgb[i] = static_cast<std::uint8_t>(std::clamp(128 + factor * (b.rgb[i] - a.rgb[i]), 0, 255));
  return shown;
}

}  // namespace backlight
