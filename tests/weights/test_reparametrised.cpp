// Weights in parts: which are put together, and which are left (their values:
// tests/golden/make_checkpoints.py).
#include <doctest/doctest.h>

#include "support/made_of_shapes.hpp"
#include "weights/reparametrised.hpp"

using namespace backlight;
using test::made_of_shapes;
using test::NamedShape;

namespace {

std::vector<std::string> names_after(const std::vector<NamedShape>& shapes) {
  std::vector<std::string> names;
  for (const StoredTensor& tensor : with_computed_weights(made_of_shapes(shapes)))
    names.push_back(tensor.name());
  return names;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("reparametrised: parts are put together where all are there and fit") {
  CHECK(
      names_after({{"c.bias", {2}}, {"c.weight_orig", {2, 3}}, {"c.weight_mask", {2, 3}}, {"d.bias", {1}}}) ==
      Names{"c.bias", "c.weight", "d.bias"});
  CHECK(names_after({{"weight_g", {2, 1}}, {"weight_v", {2, 3}}}) == Names{"weight"});
  CHECK(names_after({{"c.weight_orig", {2, 3}}, {"c.weight_u", {2}}, {"c.weight_v", {3}}}) ==
        Names{"c.weight"});
  CHECK(names_after({{"c.parametrizations.weight.original0", {2, 1}},
                     {"c.parametrizations.weight.original1", {2, 3}}}) == Names{"c.weight"});
}

TEST_CASE("reparametrised: parts that do not fit together stay as they are and are named") {
  const std::vector<std::vector<NamedShape>> cases = {
      {{"c.weight_orig", {2, 3}}},
      {{"c.weight_orig", {2, 3}}, {"c.weight_mask", {3, 2}}},
      {{"c.weight_g", {3, 1}}, {"c.weight_v", {2, 3}}},
      {{"c.weight_orig", {2, 3}}, {"c.weight_u", {2}}},
      {{"c.weight_orig", {2, 3}}, {"c.weight_u", {5}}, {"c.weight_v", {3}}},
      {{"c.parametrizations.weight.original", {3, 3}}, {"c.parametrizations.weight.0.base", {3, 3}}}};
  for (const auto& shapes : cases) {
    Names own;
    for (const auto& [name, shape] : shapes) own.push_back(name);
    CAPTURE(own.front());
    CHECK(names_after(shapes) == own);
    REQUIRE_FALSE(uncomputed_parts(made_of_shapes(shapes)).empty());
    CHECK(uncomputed_parts(made_of_shapes(shapes)).front() == own.front());
  }
  CHECK(uncomputed_parts(made_of_shapes({{"conv.weight", {1}}, {"img.weight", {1}}})).empty());
}

TEST_CASE("reparametrised: a weight that the file has itself is not computed again") {
  const Names own = {"c.weight", "c.weight_orig", "c.weight_mask"};
  CHECK(names_after({{own[0], {2}}, {own[1], {2}}, {own[2], {2}}}) == own);
}
