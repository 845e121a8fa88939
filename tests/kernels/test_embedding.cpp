#include <doctest/doctest.h>

#include <string>

#include "kernels/embedding/embedding_layer.hpp"
#include "kernels/embedding/naive.hpp"
#include "support/layer_case.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

struct EmbeddingCase {
  LayerCase layer;
  std::int64_t padding = -1;
};

// tests/golden/make_language.py has the same table, but for the large one.
EmbeddingCase embedding_case(const std::string& name, const Shape& tokens, std::int64_t width,
                             std::optional<std::int64_t> padding = {}) {
  return {.layer = {.name = "embedding." + name,
                    .make = [=] { return embedding(kTokenIds, width, padding); },
                    .x = {tokens},
                    .tokens = 0},
          .padding = padding.value_or(-1)};
}
const EmbeddingCase kEmbeddingCases[] = {
    embedding_case("plain", {3, 7}, 4),      embedding_case("padded", {3, 7}, 4, 0),
    embedding_case("last", {2, 13}, 3, 4),   embedding_case("wide", {1, 1}, 127),
    embedding_case("many", {3, 41}, 131, 0),
};

Tensor tokens_of(const std::vector<std::int32_t>& ids) {
  Tensor tokens({1, static_cast<std::int64_t>(ids.size())}, DType::i32);
  std::ranges::copy(ids, tokens.data<std::int32_t>());
  return tokens;
}

}  // namespace

TEST_CASE("embedding: agrees with the naive loops" * doctest::test_suite("device")) {
  for (const EmbeddingCase& c : kEmbeddingCases)
    check_reference(
        {&c.layer, 1},
        [&](const LayerCase&, const LayerInputs& in) { return naive_embedding(c.padding, in); }, 1e-6);
}

TEST_CASE("embedding: agrees with PyTorch" * doctest::test_suite("device")) {
  for (const EmbeddingCase& c : std::span(kEmbeddingCases).first(4))
    check_goldens({&c.layer, 1}, 1e-6, "language");
}

TEST_CASE("embedding backward: is the gradient of the table") {
  for (const EmbeddingCase& c : std::span(kEmbeddingCases).first(4)) check_gradients({&c.layer, 1});
}

TEST_CASE("embedding: batches and threads and buffers change nothing" * doctest::test_suite("device")) {
  for (const EmbeddingCase& c : kEmbeddingCases) check_promises({&c.layer, 1});
}

TEST_CASE("embedding: errors name the id and the rows") {
  const LayerCase c{
      .name = "embedding.errors", .make = [] { return embedding(5, 2); }, .x = {{1, 3}}, .tokens = 0};
  for (const std::int32_t id : {-1, 5}) {
    LayerInputs in = inputs_of(c);
    in.x[0] = tokens_of({0, 4, id});
    CHECK_THROWS_WITH_AS(
        run_layer(c, in),
        text("[embedding] token 2 has the id ", id, ", but weight 5×2 has the ids 0 to 4").c_str(), Error);
  }
  const TensorType words{DType::f32, {1, 3}}, one{DType::i32, {3}};
  CHECK_THROWS_WITH_AS(embedding(5, 2)->infer({&words, 1}, DType::f32),
                       "[embedding] x[0] is float32, expected int32", Error);
  CHECK_THROWS_WITH_AS(embedding(5, 2)->infer({&one, 1}, DType::f32), "[embedding] x is 3, expected N×T",
                       Error);
  CHECK_THROWS_WITH_AS(embedding(0, 2), "[embedding] 0 rows of 2 were asked for, both must be positive",
                       Error);
  CHECK_THROWS_WITH_AS(embedding(5, 2, 5), "[embedding] padding is 5, expected an id from 0 to 4", Error);
}
