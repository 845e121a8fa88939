#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "kernels/layers.hpp"
#include "models/language/tags.hpp"
#include "models/scenes/evaluate.hpp"
#include "support/compare.hpp"

namespace backlight::language {
namespace {

/// A map of how red a pixel is, whose mean is the score of every red tag; the score of `red disc` is one higher.
Network redness() {
  Network net;
  net.add("conv", conv2d(3, 1, {.kernel = 1}));
  net.add("layer", relu());
  net.add("pool", adaptive_avg_pool2d(1));
  net.add("flatten", flatten());
  net.add("fc", linear(1, kTags));
  for (const NamedParameter& p : net.parameters()) {
    p.tensor->fill(0);
    if (p.name == "conv.weight")
      std::ranges::copy(std::array{1.0f, -1.0f, -1.0f}, p.tensor->values().begin());
    if (p.name == "fc.weight") std::ranges::fill(p.tensor->values().first(kNouns.size()), 1.0f);
    if (p.name == "fc.bias") p.tensor->values()[0] = 1;
  }
  return net;
}

}  // namespace

TEST_CASE("tags: a batch is a function of its step, in which the things of a scene have equal shares") {
  Context one({}, 1), three({}, 3);
  const Batch batch = tag_batch(one, 4, 40, 24, 7), again = tag_batch(three, 4, 40, 24, 7);
  CHECK(test::same_bits(batch.x, again.x));
  CHECK(batch.labels == again.labels);
  CHECK_FALSE(test::same_bits(batch.x, tag_batch(one, 4, 40, 24, 8).x));
  CHECK(batch.x.shape() == Shape{24, 3, 96, 96});
  REQUIRE(batch.labels.size() == 24 * static_cast<std::size_t>(batch.labels_per_image));
  std::map<std::map<std::int64_t, int>, bool> possible;
  for (std::uint64_t scene = 0; scene < 40; ++scene) {
    std::map<std::int64_t, int> shares;
    const Layout layout = lay_out(4, scene);
    for (const auto& object : layout.objects)
      shares[tag_of(object.thing)] += batch.labels_per_image / static_cast<int>(layout.objects.size());
    possible[shares] = true;
  }
  for (std::size_t n = 0; n < 24; ++n) {
    std::map<std::int64_t, int> shares;
    for (int k = 0; k < batch.labels_per_image; ++k)
      ++shares[batch.labels[n * static_cast<std::size_t>(batch.labels_per_image) +
                            static_cast<std::size_t>(k)]];
    CHECK(possible.contains(shares));
  }
  CHECK_THROWS_AS(tag_batch(one, 4, 0, 24, 0), Error);
  CHECK_THROWS_AS(tag_batch(one, 4, 40, 0, 0), Error);
}

TEST_CASE("tags: names are those of colours and nouns") {
  const std::vector<std::string> names = tag_names();
  REQUIRE(names.size() == kTags);
  CHECK(names[0] == "red disc");
  CHECK(names[static_cast<std::size_t>(tag_of({.colour = 5, .noun = 9}))] == "white hexagon");
}

TEST_CASE("tags: scenes are right whose things have the highest scores; maps point where their things are") {
  constexpr std::int64_t kScenes = 110;  // more than two chunks
  Context context({}, 2);
  const Network net = redness();
  const TagRates rates = tag_rates(net, context, net.find("layer"), 5, kScenes);
  int right = 0, things = 0, red = 0;
  for (std::uint64_t index = 0; index < kScenes; ++index) {
    const Layout layout = lay_out(5, index);
    const bool one_thing = layout.kind == Kind::one || !layout.distinct();
    right += one_thing && layout.objects.front().thing == Thing{0, 0};
    for (std::size_t i = 0; i < (one_thing ? 1 : layout.objects.size()); ++i) {
      ++things;
      red += layout.objects[i].thing.colour == 0;
    }
  }
  CHECK(right > 0);
  CHECK(rates.all_on_top == doctest::Approx(right / double(kScenes)));
  // Maps of other colours are 0, which has its maximum in a corner; a background may be redder than a thing.
  CHECK(rates.grad_cam <= red / double(things) + 1e-9);
  CHECK(rates.grad_cam >= 0.6 * red / things);
  CHECK_THROWS_AS(tag_rates(net, context, net.find("layer"), 5, 0), Error);
}

TEST_CASE("tags: a coarse map points at a pixel of the picture") {
  const std::vector<float> map{0, 0, 0, 1};  // its lower right quarter, to the edge of which it is constant
  CHECK(scenes::points_into({72, 72, 96, 96}, map, 2, 96));
  CHECK_FALSE(scenes::points_into({0, 0, 71, 96}, map, 2, 96));
  CHECK_FALSE(scenes::points_into({0, 0, 96, 71}, map, 2, 96));
}

}  // namespace backlight::language
