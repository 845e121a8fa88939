// Scenes of a cue and a badge, training on them, and what is measured of the maps.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "kernels/layers.hpp"
#include "models/scenes/badge_training.hpp"
#include "models/scenes/batch.hpp"

using namespace backlight;
using namespace backlight::scenes;

namespace {

constexpr int kSize = 48;

using Colour = std::array<std::uint8_t, 3>;
Colour colour_at(const Image& image, int x, int y) {
  return {image.at(x, y)[0], image.at(x, y)[1], image.at(x, y)[2]};
}

std::set<Colour> colours_of(const Image& image) {
  std::set<Colour> colours;
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x) colours.insert(colour_at(image, x, y));
  return colours;
}

bool holds(const Box& box, int x, int y) { return x >= box.x0 && x < box.x1 && y >= box.y0 && y < box.y1; }

}  // namespace

TEST_CASE("badges: as many agree as were asked for, in each class, of any number of scenes") {
  std::array<int, 2> scenes{}, agreeing{};
  for (std::uint64_t i = 0; i < 80; ++i) {
    const BadgeScene scene = render_badge_scene(3, i, {0.85, 0.3}, 32);
    const auto label = static_cast<std::size_t>(scene.label);
    CHECK(scene.label == static_cast<int>(i % 2));
    ++scenes[label];
    agreeing[label] += scene.agrees();
    CHECK(agreeing[label] == static_cast<int>(scenes[label] * (label == 0 ? 0.85 : 0.3) + 1e-9));
  }
  CHECK(agreeing == std::array{34, 12});
}

TEST_CASE("badges: only the badge's colour depends on how often it agrees") {
  int others = 0;
  double aside = 0;  // of the box's middle from that of the pixels that differ
  for (std::uint64_t i = 0; i < 24; ++i) {
    const BadgeScene one = render_badge_scene(5, i, {1, 1}, kSize),
                     other = render_badge_scene(5, i, {0, 0}, kSize);
    CHECK(one.agrees());
    CHECK_FALSE(other.agrees());
    CHECK((one.cue == other.cue && one.badge_box == other.badge_box && one.label == other.label));
    const Box &cue = one.cue, &badge = one.badge_box;
    CHECK((cue.x1 <= badge.x0 || badge.x1 <= cue.x0 || cue.y1 <= badge.y0 || badge.y1 <= cue.y0));
    for (const Box& box : {cue, badge})
      CHECK((box.x0 >= 0 && box.y0 >= 0 && box.x1 <= kSize && box.y1 <= kSize));
    int first = kSize, last = 0;
    for (int y = 0; y < kSize; ++y)
      for (int x = 0; x < kSize; ++x) {
        if (colour_at(one.image, x, y) == colour_at(other.image, x, y)) continue;
        CHECK(holds(badge, x, y));
        first = std::min(first, x);
        last = std::max(last, x);
      }
    aside += (badge.x0 + badge.x1) / 2 - (first + last + 1) / 2.0;
    // In its middle a badge is orange or blue.
    const int x = static_cast<int>((badge.x0 + badge.x1) / 2),
              y = static_cast<int>((badge.y0 + badge.y1) / 2);
    const BadgeScene &orange = one.badge == 0 ? one : other, &blue = one.badge == 0 ? other : one;
    CHECK(colour_at(orange.image, x, y)[0] > colour_at(orange.image, x, y)[2]);
    CHECK(colour_at(blue.image, x, y)[2] > colour_at(blue.image, x, y)[0]);
    others += one.image.rgb != render_badge_scene(6, i, {1, 1}, kSize).image.rgb;
  }
  CHECK(others == 24);
  CHECK(std::abs(aside) < 24 * 0.25);
  CHECK(render_badge_scene(5, 7, {1, 1}, kSize).image.rgb ==
        render_badge_scene(5, 7, {1, 1}, kSize).image.rgb);
  CHECK_THROWS_WITH_AS(render_badge_scene(1, 0, {1, 1}, 31), doctest::Contains("expected 32 to 1024"), Error);
  CHECK_THROWS_WITH_AS(render_badge_scene(1, 0, {1, 1.01}, 64), doctest::Contains("expected 0 to 1"), Error);
}

TEST_CASE("badges: varied without other colours") {
  const Image scene = render_badge_scene(1, 0, {1, 1}, kSize).image;
  const std::set<Colour> colours = colours_of(scene);
  int varied = 0, recoloured = 0;
  for (std::uint64_t i = 0; i < 6; ++i) {
    const Image moved = augment(scene, 1, i, /*colours=*/false);
    varied += moved.rgb != scene.rgb;
    CHECK(std::ranges::includes(colours, colours_of(moved)));
    recoloured += !std::ranges::includes(colours, colours_of(augment(scene, 1, i)));
  }
  CHECK(varied >= 5);
  CHECK(recoloured >= 5);
}

TEST_CASE("badges: training is a function of its options, on any number of threads") {
  BadgeTraining options{.scenes = 12, .steps = 3, .batch = 4, .size = 32};
  const auto parameters_of = [&](const BadgeTraining& training, int threads) {
    Context context(Device{}, threads);
    std::int64_t steps = 0;
    const Network network = train_on_badges(context, training, [&](std::int64_t, double) { ++steps; });
    CHECK(steps == training.steps);
    std::vector<float> values;
    for (const ConstNamedParameter& p : network.parameters())
      values.insert(values.end(), p.tensor->values().begin(), p.tensor->values().end());
    return values;
  };
  const std::vector<float> once = parameters_of(options, 1);
  CHECK(parameters_of(options, 2) == once);
  for (const auto& change : std::vector<std::function<void(BadgeTraining&)>>{
           [](BadgeTraining& t) { t.seed = 2; },
           [](BadgeTraining& t) {
             t.agreement = {0.5, 0.5};
           },
           [](BadgeTraining& t) { t.learning_rate = 0.05; }, [](BadgeTraining& t) { t.steps = 2; }}) {
    BadgeTraining other = options;
    change(other);
    CHECK(parameters_of(other, 1) != once);
  }
  options.batch = 1;
  Context context(Device{}, 1);
  CHECK_THROWS_AS(train_on_badges(context, options, [](std::int64_t, double) {}), Error);
}

TEST_CASE("badges: what a network learns that sees no badge disagree is the badge") {
  const BadgeTraining options{.agreement = {1, 1}, .scenes = 64, .steps = 100, .batch = 8, .size = 32};
  Context context(Device{}, 1);
  const Network network = train_on_badges(context, options, [](std::int64_t, double) {});
  std::array<int, 2> right{};
  for (const BadgeAnswer& answer : badge_answers(network, context, 2, 100, options.size))
    right[answer.agrees()] += answer.right();
  CAPTURE(right[0]);
  CHECK(right[1] - right[0] > 25);  // of 50 each
}

TEST_CASE("badges: of a map that is alike everywhere, the boxes' shares") {
  Network net;
  net.add("conv", conv2d(3, 1, {.kernel = 1}));
  net.add("relu4", relu());
  net.add("avgpool", adaptive_avg_pool2d(1));
  net.add("flatten", flatten());
  net.add("fc", linear(1, 2));
  const auto set = [&](const std::string& name, std::vector<float> values) {
    for (const NamedParameter& p : net.parameters())
      if (p.name == name) std::ranges::copy(values, p.tensor->values().begin());
  };
  set("conv.weight", {0, 0, 0});
  set("conv.bias", {1});
  set("fc.weight", {1, 3});
  set("fc.bias", {0, 0});
  Context context(Device{}, 1);
  const std::vector<BadgeAnswer> answers = badge_answers(net, context, 9, 52, 32);
  REQUIRE(answers.size() == 52);
  int right = 0, agreeing = 0;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const BadgeAnswer& answer = answers[i];
    const BadgeScene scene = render_badge_scene(9, i, {0.5, 0.5}, 32);
    const auto area = [](const Box& box) { return (box.x1 - box.x0) * (box.y1 - box.y0) / (32.0 * 32); };
    CHECK((answer.label == scene.label && answer.badge == scene.badge && answer.predicted == 1));
    CHECK(answer.probability == doctest::Approx(1 / (1 + std::exp(-2.0))));
    CHECK(answer.cue_area == doctest::Approx(area(scene.cue)));
    CHECK(answer.badge_area == doctest::Approx(area(scene.badge_box)));
    CHECK(answer.cue_energy == doctest::Approx(answer.cue_area));
    CHECK(answer.badge_energy == doctest::Approx(answer.badge_area));
    CHECK(answer.evidence);
    CHECK(answer.points_at_cue == holds(scene.cue, 0, 0));
    CHECK(answer.points_at_badge == holds(scene.badge_box, 0, 0));
    right += answer.right();
    agreeing += answer.agrees();
  }
  CHECK(right == 26);
  CHECK(agreeing == 26);
  // What speaks against the class everywhere is no evidence.
  set("fc.weight", {-3, -1});
  const std::vector<BadgeAnswer> against = badge_answers(net, context, 9, 1, 32);
  const BadgeAnswer& none = against.front();
  CHECK_FALSE(none.evidence);
  CHECK((none.cue_energy == 0 && none.badge_energy == 0 && !none.points_at_cue && !none.points_at_badge));
}
