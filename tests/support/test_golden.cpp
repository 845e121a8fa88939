#include <doctest/doctest.h>

#include "support/compare.hpp"
#include "support/golden.hpp"
#include "support/random.hpp"

using namespace backlight;
using namespace backlight::test;

TEST_CASE("golden: C++ and Python compute the same test data to the bit") {
  CHECK(same_bits(random_tensor({2, 13}, "selfcheck.unit"), golden("selfcheck", "unit")));
  CHECK(same_bits(random_tensor({127}, "selfcheck.range", -0.3, 5.7), golden("selfcheck", "range")));
}

TEST_CASE("golden: a missing file or tensor is named with the generator to run") {
  CHECK_THROWS_WITH_AS(golden("selfcheck", "nothing"), doctest::Contains("has no tensor 'nothing'"), Error);
  CHECK_THROWS_WITH_AS(golden("nowhere", "y"), doctest::Contains("make_nowhere.py"), Error);
}
