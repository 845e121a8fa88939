// Adversarial pictures: steps, projection and rounding in closed form on linear networks; one device against the other.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "engine/evaluate/attack.hpp"
#include "engine/explain/explanation.hpp"
#include "engine/train/init.hpp"
#include "kernels/layers.hpp"
#include "models/scenes_net.hpp"
#include "support/device.hpp"
#include "support/random.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

Image noise(int size, std::uint64_t seed) {
  Image image(size, size);
  for (std::size_t i = 0; i < image.rgb.size(); ++i)
    image.rgb[i] = static_cast<std::uint8_t>(random_bits(seed, i) % 256);
  return image;
}

Preprocessing with(int channels, bool bgr = false) {
  Preprocessing how = scenes_preprocessing();
  how.channels = channels;
  how.bgr = bgr;
  return how;
}

/// Scores W·x of a 3×size×size input, without a bias.
Network linear_network(int size, std::int64_t classes, std::string_view weights) {
  Network net;
  net.add("flatten", flatten());
  net.add("fc", linear(std::int64_t{3} * size * size, classes));
  for (const NamedParameter& p : net.parameters())
    *p.tensor = p.name == "fc.weight" ? random_tensor(p.tensor->shape(), weights, -0.02, 0.02)
                                      : Tensor::zeros(p.tensor->shape());
  return net;
}

std::vector<Attacked> run_attack(const Network& net, Context& context, const std::vector<Image>& images,
                                 const std::vector<std::int64_t>& towards, const AttackOptions& options,
                                 const Preprocessing& how = with(3)) {
  Programs programs(net);
  return attack(programs, context, images, towards, /*sigmoid=*/false, how, options, [](std::size_t) {});
}

int largest_change(const Image& a, const Image& b) {
  int most = 0;
  for (std::size_t i = 0; i < a.rgb.size(); ++i) most = std::max(most, std::abs(a.rgb[i] - b.rgb[i]));
  return most;
}

}  // namespace

TEST_CASE("attack: a step goes by the gradient's sign, within epsilon of the original and within 8 bits") {
  const Image original = [] {
    Image image(2, 1);
    image.rgb = {100, 3, 250, 100, 100, 100};
    return image;
  }();
  Image image = original;
  const std::vector<float> gradient{0.5f, 1e-20f, -3, -1e-20f, 2, 0};  // planes R, G, B of two pixels
  const AttackOptions options{.epsilon = 8, .step = 5};
  sign_step(image, original, gradient, with(3), options);
  CHECK(image.rgb == std::vector<std::uint8_t>{105, 0, 255, 105, 95, 100});
  sign_step(image, original, gradient, with(3), options);
  CHECK(image.rgb == std::vector<std::uint8_t>{108, 0, 255, 108, 92, 100});

  image = original;
  sign_step(image, original, gradient, with(3, /*bgr=*/true), options);
  CHECK(image.rgb == std::vector<std::uint8_t>{105, 0, 255, 100, 95, 105});

  Image grey(2, 1, 100);
  sign_step(grey, Image(2, 1, 100), std::vector<float>{1, -1}, with(1), options);
  CHECK(grey.rgb == std::vector<std::uint8_t>{105, 105, 105, 95, 95, 95});

  CHECK_THROWS_WITH_AS(sign_step(grey, original, std::vector<float>(5), with(3), options),
                       doctest::Contains("5 values, expected 3 for each of 2 pixels"), Error);
  CHECK_THROWS_WITH_AS(sign_step(grey, Image(3, 1), gradient, with(3), options),
                       doctest::Contains("expected one size"), Error);
}

TEST_CASE("attack: of a linear network, the closed form") {
  const int size = 6;
  const Network net = linear_network(size, 2, "linear attack");
  Context context(Device{}, 1);
  const Image original = noise(size, 4);
  const Tensor& weights = *net.parameters()[0].tensor;
  const auto pixels = static_cast<std::size_t>(size * size);
  // ∂ log p₁/∂x = p₀·(w₁ − w₀): after k steps each sample has moved by min(2k, 7) that way, and stays within 0…255.
  const auto expected = [&](int steps) {
    Image image = original;
    for (std::size_t i = 0; i < pixels; ++i)
      for (std::size_t c = 0; c < 3; ++c) {
        const std::size_t at = c * pixels + i;
        const int sign = weights.values()[3 * pixels + at] > weights.values()[at] ? 1 : -1;
        const int moved = original.rgb[3 * i + c] + sign * std::min(2 * steps, 7);
        image.rgb[3 * i + c] = static_cast<std::uint8_t>(std::clamp(moved, 0, 255));
      }
    return image;
  };
  const auto probability = [&](const Image& image) {
    const Tensor x = normalise(image, with(3));
    double margin = 0;
    for (std::size_t i = 0; i < 3 * pixels; ++i)
      margin +=
          double(x.values()[i]) * (double(weights.values()[3 * pixels + i]) - double(weights.values()[i]));
    return 1 / (1 + std::exp(-margin));
  };
  for (const int steps : {1, 3, 6}) {
    const Attacked done =
        run_attack(net, context, {original}, {1}, {.epsilon = 7, .step = 2, .steps = steps}).front();
    CHECK(done.image.rgb == expected(steps).rgb);
    CHECK(done.steps == steps);
    CHECK(done.before == doctest::Approx(probability(original)).epsilon(1e-5));
    CHECK(done.probability == doctest::Approx(probability(expected(steps))).epsilon(1e-5));
  }
  // It ends at the first picture whose probability exceeds the one that is asked for.
  const double after_two = probability(expected(2));
  REQUIRE(probability(expected(1)) < after_two);
  const AttackOptions until{.epsilon = 7, .step = 2, .probability = after_two - 1e-6};
  const Attacked done = run_attack(net, context, {original}, {1}, until).front();
  CHECK(done.steps == 2);
  CHECK(done.image.rgb == expected(2).rgb);
}

TEST_CASE("attack: pictures that go together have the bits of each alone, whatever they need") {
  const int size = 16;
  Network net = scenes_net(4, 4);
  initialise(net, 5);
  Context one(Device{}, 1), two(Device{}, 2);
  const std::vector<Image> images{noise(size, 1), noise(size, 2), noise(size, 3)};
  const std::vector<std::int64_t> towards{1, 2, 3};
  const AttackOptions options{.epsilon = 6, .step = 2, .steps = 12, .probability = 0.5};
  std::vector<std::size_t> told;
  Programs programs(net);
  const std::vector<Attacked> together = attack(programs, two, images, towards, false, with(3), options,
                                                [&](std::size_t done) { told.push_back(done); });
  std::vector<int> steps;
  for (std::size_t i = 0; i < images.size(); ++i) {
    const Attacked alone = run_attack(net, one, {images[i]}, {towards[i]}, options).front();
    CHECK(alone.image.rgb == together[i].image.rgb);
    CHECK(alone.steps == together[i].steps);
    CHECK(alone.probability == together[i].probability);
    CHECK(alone.probability > alone.before);
    CHECK(largest_change(images[i], alone.image) <= 6);
    steps.push_back(alone.steps);
  }
  CHECK(told.back() == images.size());
  CHECK(std::ranges::is_sorted(told));
  CHECK(std::ranges::adjacent_find(steps, std::not_equal_to{}) != steps.end());  // else this says little
}

TEST_CASE("attack: a change by chance has the size of the attack's at every sample") {
  const Image original = noise(20, 1);
  Image attacked = original;
  for (std::size_t i = 0; i < attacked.rgb.size(); ++i) {
    const int by = static_cast<int>(i % 9);
    attacked.rgb[i] =
        static_cast<std::uint8_t>(original.rgb[i] >= 128 ? original.rgb[i] - by : original.rgb[i] + by);
  }
  const Image twin = random_twin(original, attacked, with(3), 7);
  std::array<int, 2> ways{};
  for (std::size_t i = 0; i < twin.rgb.size(); ++i) {
    CHECK(std::abs(twin.rgb[i] - original.rgb[i]) == std::abs(attacked.rgb[i] - original.rgb[i]));
    if (twin.rgb[i] != original.rgb[i]) ++ways[twin.rgb[i] > original.rgb[i]];
  }
  CHECK(std::min(ways[0], ways[1]) > 400);
  CHECK(random_twin(original, attacked, with(3), 7).rgb == twin.rgb);
  CHECK(random_twin(original, attacked, with(3), 8).rgb != twin.rgb);
  // At 0 and at 255 there is one way only.
  CHECK(random_twin(Image(1, 1, 0), Image(1, 1, 8), with(3), 1).rgb == std::vector<std::uint8_t>{8, 8, 8});
  CHECK(random_twin(Image(1, 1, 255), Image(1, 1, 250), with(3), 1).rgb ==
        std::vector<std::uint8_t>{250, 250, 250});
  const Image grey = random_twin(Image(8, 8, 100), Image(8, 8, 104), with(1), 1);
  for (std::size_t i = 0; i < grey.rgb.size(); i += 3)
    CHECK((grey.rgb[i] == grey.rgb[i + 1] && grey.rgb[i] == grey.rgb[i + 2]));

  Image changed(1, 1, 100);
  changed.rgb = {101, 100, 80};
  CHECK(difference(Image(1, 1, 100), changed).rgb == std::vector<std::uint8_t>{144, 128, 0});
}

TEST_CASE("attack: what cannot be meant is refused") {
  const Network net = linear_network(4, 2, "refused attack");
  Context context(Device{}, 1);
  const std::vector<Image> images{noise(4, 1)};
  for (const AttackOptions& options :
       {AttackOptions{.epsilon = 0}, AttackOptions{.epsilon = 256}, AttackOptions{.step = 0},
        AttackOptions{.steps = 0}, AttackOptions{.probability = 1},
        AttackOptions{.probability = std::nan("")}})
    CHECK_THROWS_AS(run_attack(net, context, images, {1}, options), Error);
  CHECK_THROWS_WITH_AS(run_attack(net, context, images, {1, 0}, {}),
                       doctest::Contains("2 classes for 1 pictures"), Error);
  CHECK_THROWS_AS(run_attack(net, context, images, {2}, {}), Error);
  CHECK_THROWS_WITH_AS(run_attack(net, context, {images[0], noise(5, 1)}, {1, 1}, {}),
                       doctest::Contains("expected one size"), Error);
  try {
    run_attack(net, context, images, {1}, {}, with(4));
    FAIL("a network of alpha was attacked");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::unsupported);
  }
}

TEST_SUITE("device") {
  TEST_CASE("attack: a step on the device is the CPU's") {
    const int size = 24;
    Network net = scenes_net(3, 4);
    initialise(net, 6);
    const std::vector<Image> images{noise(size, 8), noise(size, 9)};
    const std::vector<std::int64_t> towards{2, 0};
    Context cpu(Device{}, 1), context = test_context();
    const std::vector<Attacked> expected = run_attack(net, cpu, images, towards, {.steps = 1});
    const Network on_device = placed(std::move(net), context);
    const std::vector<Attacked> found = run_attack(on_device, context, images, towards, {.steps = 1});

    // Where the gradient is all but zero its sign is a matter of rounding.
    for (std::size_t n = 0; n < images.size(); ++n) {
      Explanation explanation(on_device, context, normalise(images[n], with(3)), {}, true);
      const Seed target = explanation.target(Target{.classes = {towards[n]}, .aim = Aim::log_probability});
      const Tensor gradient = context.to_host(explanation.gradient(target, BackwardRule::standard));
      const auto slopes = gradient.values();
      const float most = std::ranges::max(slopes, {}, [](float v) { return std::abs(v); });
      std::size_t checked = 0;
      const std::size_t pixels = slopes.size() / 3;
      for (std::size_t i = 0; i < slopes.size(); ++i) {
        if (std::abs(slopes[i]) < 1e-4f * std::abs(most)) continue;
        const std::size_t sample = i % pixels * 3 + i / pixels;
        CHECK(found[n].image.rgb[sample] == expected[n].image.rgb[sample]);
        CHECK(found[n].image.rgb[sample] ==
              std::clamp(images[n].rgb[sample] + (slopes[i] > 0 ? 1 : -1), 0, 255));
        ++checked;
      }
      CHECK(checked > slopes.size() * 9 / 10);
      CHECK(found[n].before == doctest::Approx(expected[n].before).epsilon(1e-4));
      CHECK(found[n].probability == doctest::Approx(expected[n].probability).epsilon(1e-4));
    }
  }
}
