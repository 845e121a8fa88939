#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "kernels/cross_entropy/loss.hpp"
#include "kernels/cross_entropy/naive.hpp"
#include "support/compare.hpp"
#include "support/golden.hpp"
#include "support/random.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

struct CrossEntropyCase {
  const char* name;
  Shape logits;
  double smoothing;
};

// tests/golden/make_layers.py has the same table.
const CrossEntropyCase kCrossEntropyCases[] = {
    {"cross_entropy.plain", {3, 13}, 0},
    {"cross_entropy.smoothed", {3, 13}, 0.1},
    {"cross_entropy.wide", {1, 127}, 1},
};

Tensor logits_of(const CrossEntropyCase& c) { return random_tensor(c.logits, text(c.name, ".x0"), -10, 10); }

std::vector<std::int64_t> cross_entropy_labels_of(const Shape& logits) {
  std::vector<std::int64_t> labels;
  for (std::int64_t n = 0; n < logits[0]; ++n) labels.push_back(n * 5 % logits[1]);
  return labels;
}

}  // namespace

TEST_CASE("cross_entropy: agrees with PyTorch") {
  for (const CrossEntropyCase& c : kCrossEntropyCases) {
    CAPTURE(c.name);
    Context context({}, 2);
    const CrossEntropy result =
        cross_entropy(context, logits_of(c), cross_entropy_labels_of(c.logits), c.smoothing);
    const double expected = golden("layers", text(c.name, ".y")).values()[0];
    CHECK(std::abs(result.loss - expected) <= 1e-6 * expected);
    CHECK(relative_error(result.dlogits, golden("layers", text(c.name, ".dx0"))) <= 1e-6);
  }
}

TEST_CASE("cross_entropy: agrees with the naive loops and its gradient with finite differences") {
  for (const CrossEntropyCase& c : kCrossEntropyCases) {
    CAPTURE(c.name);
    Context context({}, 1);
    Tensor logits = logits_of(c).to(DType::f64);
    const auto labels = cross_entropy_labels_of(c.logits);
    const CrossEntropy result = cross_entropy(context, logits, labels, c.smoothing);
    const double expected = naive_cross_entropy(logits, labels, c.smoothing);
    CHECK(std::abs(result.loss - expected) <= 1e-12 * expected);
    constexpr double kStep = 1e-5;
    for (std::int64_t i = 0; i < logits.numel(); ++i) {
      double& x = logits.data<double>()[i];
      const double value = x;
      x = value + kStep;
      const double above = naive_cross_entropy(logits, labels, c.smoothing);
      x = value - kStep;
      const double below = naive_cross_entropy(logits, labels, c.smoothing);
      x = value;
      CHECK(std::abs(result.dlogits.data<double>()[i] - (above - below) / (2 * kStep)) <= 1e-8);
    }
  }
}

TEST_CASE("cross_entropy: several labels of a row are the mean of each alone") {
  Context context({}, 1);
  const Tensor logits = random_tensor({3, 5}, "cross_entropy.several", -3, 3, DType::f64);
  const std::vector<std::int64_t> first{0, 4, 2}, second{3, 4, 1}, both{0, 3, 4, 4, 2, 1};
  const CrossEntropy a = cross_entropy(context, logits, first, 0.1);
  const CrossEntropy b = cross_entropy(context, logits, second, 0.1);
  const CrossEntropy result = cross_entropy(context, logits, both, 0.1, 2);
  CHECK(std::abs(result.loss - (a.loss + b.loss) / 2) <= 1e-12);
  for (std::int64_t i = 0; i < logits.numel(); ++i) {
    const double expected = (a.dlogits.data<double>()[i] + b.dlogits.data<double>()[i]) / 2;
    CHECK(std::abs(result.dlogits.data<double>()[i] - expected) <= 1e-12);
  }
}

TEST_CASE("cross_entropy: results do not depend on the number of threads") {
  const Shape shape{127, 13};
  const Tensor logits = random_tensor(shape, "cross_entropy.threads", -10, 10);
  Context one({}, 1), three({}, 3);
  const CrossEntropy a = cross_entropy(one, logits, cross_entropy_labels_of(shape), 0.1);
  const CrossEntropy b = cross_entropy(three, logits, cross_entropy_labels_of(shape), 0.1);
  CHECK(a.loss == b.loss);
  CHECK(same_bits(a.dlogits, b.dlogits));
}

TEST_CASE("cross_entropy: large scores do not overflow and an impossible class costs nothing") {
  const float infinity = std::numeric_limits<float>::infinity();
  const Tensor logits = Tensor::from({1, 3}, std::vector{1000.f, 1000.f, -infinity});
  Context context({}, 1);
  const std::int64_t label = 0;
  const CrossEntropy result = cross_entropy(context, logits, {&label, 1});
  CHECK(std::abs(result.loss - std::log(2.0)) <= 1e-12);
  CHECK(result.dlogits.values()[0] == -0.5f);
  CHECK(result.dlogits.values()[2] == 0);
}

TEST_CASE("cross_entropy: errors name both sides") {
  Context context({}, 1);
  const Tensor logits = Tensor::zeros({2, 10});
  const std::vector<std::int64_t> one{1}, outside{1, 10}, fine{1, 2};
  CHECK_THROWS_WITH_AS(cross_entropy(context, logits, one),
                       "[cross_entropy] logits are 2×10 for 1 labels, expected one row of classes per label",
                       Error);
  CHECK_THROWS_WITH_AS(
      cross_entropy(context, logits, fine, 0, 2),
      "[cross_entropy] logits are 2×10 for 2 labels, expected one row of classes per group of labels", Error);
  CHECK_THROWS_AS(cross_entropy(context, logits, {}, 0, 0), Error);
  CHECK_THROWS_WITH_AS(cross_entropy(context, logits, outside),
                       "[cross_entropy] label 1 is 10, expected 0 to 9", Error);
  CHECK_THROWS_AS(cross_entropy(context, Tensor::zeros({2, 10, 1, 1}), fine), Error);
  CHECK_THROWS_AS(cross_entropy(context, logits, fine, -0.1), Error);
  CHECK_THROWS_AS(cross_entropy(context, logits, fine, NAN), Error);
}

TEST_CASE("cross-entropy: of sequences it is that of the places with a label, and 0 at the others") {
  Context context({}, 2);
  const Tensor logits = random_tensor({3, 4, 5}, "sequences.logits", -2, 2);
  const std::int64_t none = kNoLabel;
  const std::vector<std::int64_t> labels{1, 4, none, none, none, 0, none, 2, 3, 3, 1, 0};
  const CrossEntropy found = sequence_cross_entropy(context, logits, labels, 0.1);
  Tensor labelled({8, 5});
  std::vector<std::int64_t> own;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] == none) continue;
    std::copy_n(logits.data<float>() + 5 * i, 5, labelled.data<float>() + 5 * own.size());
    own.push_back(labels[i]);
  }
  const CrossEntropy expected = cross_entropy(context, labelled, own, 0.1);
  CHECK(found.loss == expected.loss);
  REQUIRE(found.dlogits.shape() == logits.shape());
  std::size_t next = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    for (std::size_t k = 0; k < 5; ++k)
      CHECK(found.dlogits.values()[5 * i + k] ==
            (labels[i] == none ? 0 : expected.dlogits.values()[5 * next + k]));
    next += labels[i] != none;
  }
  CHECK_THROWS_WITH_AS(sequence_cross_entropy(context, logits, std::vector<std::int64_t>(12, none)),
                       doctest::Contains("none of 12 places"), Error);
  CHECK_THROWS_AS(sequence_cross_entropy(context, logits, std::vector<std::int64_t>(11, 0)), Error);
  CHECK_THROWS_AS(sequence_cross_entropy(context, logits, std::vector<std::int64_t>(12, -2)), Error);
  CHECK_THROWS_AS(sequence_cross_entropy(context, labelled, own), Error);
}
