#include <doctest/doctest.h>

#include "engine/layers/softmax.hpp"
#include "support/gradcheck.hpp"
#include "support/random.hpp"

using namespace backlight;
using namespace backlight::test;

TEST_CASE("softmax backward: is the gradient") {
  for (auto make : {&softmax, &log_softmax}) {
    Network network = single(make(), 5);
    const auto result = gradcheck(network, random_tensor({2, 5, 3, 2}, "softmax.x", -3, 3));
    CAPTURE(result.where);
    CHECK(result.checked == 60);
    CHECK(result.worst <= 1e-8);
  }
}
