#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "engine/train/optimiser.hpp"
#include "support/compare.hpp"
#include "support/golden.hpp"
#include "support/random.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

const std::variant<SgdOptions, AdamOptions> kClippedAdam = AdamOptions{.largest_norm = 8};

/// Parameters of their own, with an optimiser.
struct TwoWeights {
  explicit TwoWeights(Shape shape_of_a, Shape shape_of_b, int threads = 1)
      : context({}, threads),
        a(random_tensor(shape_of_a, "adam.a")),
        b(random_tensor(shape_of_b, "adam.b")) {}

  std::vector<Tensor> gradients(int step) const {
    std::vector<Tensor> all;
    for (const auto& [tensor, name] : {std::pair(&a, "a"), std::pair(&b, "b")}) {
      const double size = step % 2 == 0 ? 1 : 0.25;
      all.push_back(random_tensor(tensor->shape(), std::string("adam.") + name + ".dw" + std::to_string(step),
                                  -size, size));
    }
    all.emplace_back();
    return all;
  }

  Context context;
  Tensor a, b, statistics = Tensor::zeros({3});
  std::vector<NamedParameter> parameters{{"a", &a}, {"b", &b}, {"running", &statistics, false}};
  Optimiser optimiser{parameters, context, kClippedAdam};
};

}  // namespace

TEST_CASE("adam: five steps with clipped gradients under changing rates match torch.optim.Adam") {
  TwoWeights run({131}, {4, 33});
  const double rates[] = {0.1, 0.1, 0.05, 0.2, 0.01};
  for (int step = 0; step < 5; ++step) {
    const std::vector<Tensor> gradients = run.gradients(step);
    CHECK((norm_of(run.context, gradients) > 8) == (step % 2 == 0));
    run.optimiser.step(run.context, run.parameters, gradients, rates[step], step);
    if (step != 0 && step != 4) continue;
    CHECK(relative_error(run.a, golden("adam", "a." + std::to_string(step))) <= 1e-6);
    CHECK(relative_error(run.b, golden("adam", "b." + std::to_string(step))) <= 1e-6);
  }
  const auto state = run.optimiser.state();
  REQUIRE(state.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    const std::string name = i < 2 ? "a" : "b", moment = i % 2 == 0 ? "first_moment" : "second_moment";
    CHECK(state[i].name == moment + "." + name);
    CHECK(relative_error(*state[i].tensor, golden("adam", name + "." + moment)) <= 1e-6);
  }
}

TEST_CASE("adam: any number of threads gives the same bits") {
  TwoWeights one({100003}, {3, 5}, 1), three({100003}, {3, 5}, 3);
  for (TwoWeights* run : {&one, &three})
    for (int step = 0; step < 2; ++step)
      run->optimiser.step(run->context, run->parameters, run->gradients(step), 0.1, step);
  CHECK(same_bits(one.a, three.a));
  CHECK(same_bits(one.b, three.b));
}

TEST_CASE("adam: a gradient without a finite norm is reported and changes nothing") {
  TwoWeights run({131}, {4, 33});
  const TwoWeights fresh({131}, {4, 33});
  std::vector<Tensor> gradients = run.gradients(0);
  for (const float wrong :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 1e30f}) {
    gradients[1].values()[7] = wrong;
    CHECK_THROWS_WITH_AS(run.optimiser.step(run.context, run.parameters, gradients, 0.1, 0),
                         doctest::Contains("the norm of the gradient"), Error);
  }
  gradients.pop_back();
  CHECK_THROWS_WITH_AS(run.optimiser.step(run.context, run.parameters, gradients, 0.1, 0),
                       "2 gradients were given for 3 parameters", Error);
  CHECK(same_bits(run.a, fresh.a));
  CHECK(same_bits(run.b, fresh.b));
  CHECK(norm_of(run.context, {}) == 0);
}
