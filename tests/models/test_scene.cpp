#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "models/scenes/scene.hpp"
#include "support/random.hpp"

using namespace backlight;
using namespace backlight::scenes;

namespace {

std::uint64_t hash_of(const Image& image) {
  const auto* bytes = reinterpret_cast<const char*>(image.rgb.data());
  return test::seed_of({bytes, image.rgb.size()});
}

/// Around the pixels in which the pictures differ.
Box difference(const Image& a, const Image& b) {
  Box box{static_cast<double>(a.width), static_cast<double>(a.height), 0, 0};
  for (int y = 0; y < a.height; ++y)
    for (int x = 0; x < a.width; ++x)
      if (!std::equal(a.at(x, y), a.at(x, y) + 3, b.at(x, y)))
        box = {std::min<double>(box.x0, x), std::min<double>(box.y0, y), std::max<double>(box.x1, x + 1),
               std::max<double>(box.y1, y + 1)};
  return box;
}

}  // namespace

TEST_CASE("scenes: the same bytes on every machine") {
  CHECK(hash_of(render_scene(1, 0).image) == 14343726267279252490u);
  CHECK(hash_of(render_scene(1, 1, {.min_objects = 2, .max_objects = 3}).image) == 9186593072038323615u);
  CHECK(hash_of(render_scene(0xffffffffffffffffu, 7, {.size = 161}).image) == 9874742144996629070u);
  CHECK(hash_of(render_scene(2, 0).image) != hash_of(render_scene(1, 0).image));
}

TEST_CASE("scenes: a box holds every pixel that the object changes and is tight around them") {
  constexpr int kScenes = 300;
  int sides_within_one_pixel = 0;
  for (std::uint64_t index = 0; index < kScenes; ++index) {
    CAPTURE(index);
    const Scene with = render_scene(3, index);
    const Scene without = render_scene(3, index, {.min_objects = 0, .max_objects = 0});
    REQUIRE(with.objects.size() == 1);
    const Box box = with.objects[0].box, changed = difference(with.image, without.image);
    REQUIRE(changed.x0 < changed.x1);
    CHECK(changed.x0 >= box.x0);
    CHECK(changed.y0 >= box.y0);
    CHECK(changed.x1 <= box.x1);
    CHECK(changed.y1 <= box.y1);
    for (const double gap :
         {changed.x0 - box.x0, changed.y0 - box.y0, box.x1 - changed.x1, box.y1 - changed.y1})
      sides_within_one_pixel += gap <= 1;
  }
  // The rest are edges that happen to have the background's colour.
  CHECK(sides_within_one_pixel >= 0.98 * 4 * kScenes);
}

TEST_CASE("scenes: objects have distinct classes and boxes that stay apart within the picture") {
  std::array<int, kClasses> seen{};
  std::array<int, 4> counts{};
  for (std::uint64_t index = 0; index < 1000; ++index) {
    CAPTURE(index);
    const Scene scene = render_scene(4, index, {.min_objects = 1, .max_objects = 3});
    const auto& objects = scene.objects;
    ++counts.at(objects.size());
    for (std::size_t i = 0; i < objects.size(); ++i) {
      const Box& a = objects[i].box;
      ++seen.at(static_cast<std::size_t>(objects[i].label));
      CHECK(std::min(a.x0, a.y0) >= 0);
      CHECK(std::max(a.x1, a.y1) <= 96);
      CHECK(std::min(a.x1 - a.x0, a.y1 - a.y0) >= 10);
      for (std::size_t j = 0; j < i; ++j) {
        const Box& b = objects[j].box;
        CHECK(objects[i].label != objects[j].label);
        CHECK((a.x1 <= b.x0 || b.x1 <= a.x0 || a.y1 <= b.y0 || b.y1 <= a.y0));
      }
    }
  }
  for (const int count : seen) CHECK(std::abs(count - 200) < 60);
  CHECK(counts[0] == 0);
  for (const int n : {1, 2, 3}) CHECK(std::abs(counts.at(static_cast<std::size_t>(n)) - 333) < 70);
}

TEST_CASE("scenes: colour alone does not tell the class") {
  // The nearest class mean in the space of the box's mean colours is right little more often than chance.
  constexpr int kEach = 1000;
  struct Sample {
    int label;
    std::array<double, 3> colour;
  };
  const auto sample = [](std::uint64_t seed, std::uint64_t index) {
    const Scene scene = render_scene(seed, index);
    const Box& box = scene.objects[0].box;
    Sample s{scene.objects[0].label, {}};
    for (int y = static_cast<int>(box.y0); y < box.y1; ++y)
      for (int x = static_cast<int>(box.x0); x < box.x1; ++x)
        for (std::size_t c = 0; c < 3; ++c) s.colour[c] += scene.image.at(x, y)[c];
    for (double& component : s.colour) component /= (box.x1 - box.x0) * (box.y1 - box.y0);
    return s;
  };
  std::array<std::array<double, 3>, kClasses> means{};
  std::array<int, kClasses> counts{};
  for (std::uint64_t i = 0; i < kEach; ++i) {
    const Sample s = sample(5, i);
    const auto label = static_cast<std::size_t>(s.label);
    ++counts[label];
    for (std::size_t c = 0; c < 3; ++c) means[label][c] += s.colour[c];
  }
  for (std::size_t k = 0; k < kClasses; ++k)
    for (double& component : means[k]) component /= counts[k];
  int right = 0;
  for (std::uint64_t i = 0; i < kEach; ++i) {
    const Sample s = sample(6, i);
    const auto distance = [&](std::size_t k) {
      double sum = 0;
      for (std::size_t c = 0; c < 3; ++c) sum += (means[k][c] - s.colour[c]) * (means[k][c] - s.colour[c]);
      return sum;
    };
    std::size_t nearest = 0;
    for (std::size_t k = 1; k < kClasses; ++k)
      if (distance(k) < distance(nearest)) nearest = k;
    right += static_cast<int>(nearest) == s.label;
  }
  CHECK(right <= 0.2 * kEach);
}

TEST_CASE("scenes: options out of range are refused") {
  CHECK_THROWS_AS(render_scene(1, 0, {.size = 95}), Error);
  CHECK_THROWS_AS(render_scene(1, 0, {.size = 100000}), Error);
  CHECK_THROWS_AS(render_scene(1, 0, {.min_objects = 2, .max_objects = 1}), Error);
  CHECK_THROWS_AS(render_scene(1, 0, {.max_objects = 4}), Error);
}
