#include <doctest/doctest.h>

#include "engine/layers/batch_norm.hpp"
#include "support/gradcheck.hpp"
#include "support/random.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

Network random_batch_norm(std::int64_t channels) {
  Network network = single(batch_norm2d(channels), channels);
  for (const NamedParameter& p : network.parameters())
    fill(*p.tensor, p.name, p.name.ends_with("running_var") ? 0.5 : -1, 2);
  return network;
}

}  // namespace

TEST_CASE("batch_norm2d backward: is the gradient in inference and in training") {
  for (const bool training : {false, true}) {
    Network network = random_batch_norm(3);
    const auto result = gradcheck(network, random_tensor({2, 3, 5, 7}, "batch_norm.x"), {.training = training});
    CAPTURE(result.where);
    CHECK(result.checked == 216);
    CHECK(result.worst <= 1e-8);
  }
}
