#include <doctest/doctest.h>

#include "engine/layers/pool.hpp"
#include "support/gradcheck.hpp"
#include "support/random.hpp"

using namespace backlight;
using namespace backlight::test;

TEST_CASE("pool backward: is the gradient") {
  const Pool2dOptions options{.kernel = 3, .stride = 2, .padding = 1, .ceil_mode = true};
  for (int kind = 0; kind < 3; ++kind) {
    Network network = single(kind == 0   ? max_pool2d(options)
                             : kind == 1 ? avg_pool2d(options)
                                         : adaptive_avg_pool2d({2, 3}),
                             3);
    const auto result = gradcheck(network, off_kinks({2, 3, 6, 7}, "pool.x"));
    CAPTURE(result.where);
    CHECK(result.checked == 252);
    CHECK(result.worst <= 1e-8);
  }
}
