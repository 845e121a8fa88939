#include <doctest/doctest.h>

#include <cmath>

#include "engine/train/init.hpp"
#include "engine/train/optimiser.hpp"
#include "kernels/layers.hpp"
#include "models/scenes_net.hpp"
#include "support/compare.hpp"

using namespace backlight;
using namespace backlight::test;

TEST_CASE("schedule: warms up linearly and falls along half a cosine") {
  CHECK(cosine_learning_rate(0, 100, 10, 0.5) == doctest::Approx(0.05));
  CHECK(cosine_learning_rate(9, 100, 10, 0.5) == doctest::Approx(0.5));
  CHECK(cosine_learning_rate(10, 100, 10, 0.5) == doctest::Approx(0.5));
  CHECK(cosine_learning_rate(55, 100, 10, 0.5) == doctest::Approx(0.25));
  CHECK(cosine_learning_rate(40, 100, 10, 0.5) == doctest::Approx(0.375));
  CHECK(cosine_learning_rate(99, 100, 10, 0.5) <= 0.001);
  CHECK(cosine_learning_rate(0, 1, 0, 0.5) == 0.5);
}

TEST_CASE(
    "initialise: convolutions keep the variance that He et al. ask for and batch norm is the identity") {
  Network network = scenes_net(10);
  initialise(network, 5);
  int convolutions = 0;
  for (const NamedParameter& p : network.parameters()) {
    CAPTURE(p.name);
    const Tensor& w = *p.tensor;
    double sum = 0, squares = 0;
    for (const float v : w.values()) {
      sum += v;
      squares += static_cast<double>(v) * v;
    }
    const auto count = static_cast<double>(w.numel());
    if (w.shape().rank() == 4) {
      ++convolutions;
      const double fan_in = count / static_cast<double>(w.shape()[0]);
      CHECK(std::abs(sum / count) <= 4 * std::sqrt(2 / fan_in / count));
      CHECK(squares / count == doctest::Approx(2 / fan_in).epsilon(0.1));
    } else if (w.shape().rank() == 2) {
      CHECK(squares / count == doctest::Approx(1.0 / 3 / 64).epsilon(0.15));
    } else {
      const bool one = p.name.ends_with("weight") || p.name.ends_with("running_var");
      CHECK(sum == (one ? count : 0));
      CHECK(squares == (one ? count : 0));
    }
  }
  CHECK(convolutions == 13);
}

TEST_CASE("initialise: embeddings have variance 1, whatever their width") {
  Network network({{"tokens", {kAnyExtent, kAnyExtent}, DType::i32}});
  network.add("embed", embedding(40, 200));
  initialise(network, 5);
  double squares = 0;
  for (const float v : network.parameters().front().tensor->values()) {
    CHECK(std::abs(v) <= std::sqrt(3.0));
    squares += static_cast<double>(v) * v;
  }
  CHECK(squares / 8000 == doctest::Approx(1).epsilon(0.05));
}

TEST_CASE("initialise: a function of the seed") {
  Network a = scenes_net(10, 2), b = scenes_net(10, 2), c = scenes_net(10, 2);
  initialise(a, 5);
  initialise(b, 5);
  initialise(c, 6);
  const auto& first = *a.parameters().front().tensor;
  CHECK(same_bits(first, *b.parameters().front().tensor));
  CHECK_FALSE(same_bits(first, *c.parameters().front().tensor));
}
