#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "kernels/local_response_norm/local_response_norm_layer.hpp"
#include "kernels/local_response_norm/naive.hpp"
#include "support/layer_case.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

struct ResponseNormCase {
  const char* name;
  Shape x;
  LocalResponseNormOptions options;
};

// tests/golden/make_layers.py has the same table.
const ResponseNormCase kTable[] = {
    {"local_response_norm.alexnet", {2, 7, 3, 5}, {.size = 5, .alpha = 1e-4, .beta = 0.75, .k = 2}},
    {"local_response_norm.even", {1, 6, 1, 13}, {.size = 4, .alpha = 0.5, .beta = 0.75, .k = 1}},
    {"local_response_norm.root", {3, 5, 2, 3}, {.size = 3, .alpha = 1, .beta = 0.5, .k = 1}},
    {"local_response_norm.wider", {1, 3, 2, 127}, {.size = 9, .alpha = 0.3, .beta = 1.5, .k = 0.5}},
};

std::vector<LayerCase> local_response_norm_cases() {
  std::vector<LayerCase> all;
  for (const ResponseNormCase& c : kTable)
    all.push_back({.name = c.name,
                   .make = [c] { return local_response_norm(c.options); },
                   .x = {c.x},
                   .low = -3,
                   .high = 3});
  return all;
}

}  // namespace

TEST_CASE("local_response_norm: agrees with the naive loops" * doctest::test_suite("device")) {
  check_reference(
      local_response_norm_cases(),
      [](const LayerCase& c, const LayerInputs& in) {
        for (const ResponseNormCase& row : kTable)
          if (row.name == c.name) return naive_local_response_norm(row.options, in);
        throw Error(ErrorKind::internal, "no case ", c.name);
      },
      2e-6);
}

TEST_CASE("local_response_norm: agrees with PyTorch" * doctest::test_suite("device")) {
  check_goldens(local_response_norm_cases(), 2e-6);
}

TEST_CASE("local_response_norm backward: is the gradient") { check_gradients(local_response_norm_cases()); }

TEST_CASE("local_response_norm: batches and threads and buffers change nothing" *
          doctest::test_suite("device")) {
  check_promises(local_response_norm_cases());
}

TEST_CASE("local_response_norm: a plane of several blocks agrees with its halves" *
          doctest::test_suite("device")) {
  const LayerCase wide{.name = "local_response_norm.blocks",
                       .make = [] { return local_response_norm({}); },
                       .x = {{1, 6, 3, 401}}};
  check_promises({&wide, 1});
}

TEST_CASE("local_response_norm: errors name both sides") {
  const auto layer = local_response_norm({});
  const Shape rows{1, 64};
  CHECK_THROWS_WITH_AS(layer->output_shape({&rows, 1}), "[local_response_norm] x is 1×64, expected N×C×H×W",
                       Error);
  CHECK_THROWS_WITH_AS(local_response_norm({.size = 0}),
                       "[local_response_norm] size is 0, expected 1 or more", Error);
}
