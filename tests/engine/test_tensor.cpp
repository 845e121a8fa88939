#include <doctest/doctest.h>

#include <limits>

#include "engine/core/tensor.hpp"

using namespace backlight;

TEST_CASE("shape: prints its extents and counts its elements") {
  CHECK(text(Shape{1, 3, 224, 224}) == "1×3×224×224");
  CHECK(Shape{2, 3, 0}.numel() == 0);
  CHECK(Shape{4, 5}[-1] == 5);
  CHECK(Shape{4, 5}.with(-1, 7) == Shape{4, 7});
}

TEST_CASE("shape: refuses negative extents and high ranks and overflow") {
  CHECK_THROWS_AS((Shape{1, -1}), Error);
  CHECK_THROWS_AS((Shape{1, 1, 1, 1, 1, 1, 1}), Error);
  const std::int64_t big = std::numeric_limits<std::int64_t>::max() / 2;
  CHECK_THROWS_AS((Shape{big, 3}), Error);
  CHECK_THROWS_AS((Shape{big, 3, 0}), Error);
}

TEST_CASE("tensor: moves and clones and converts and reshapes without losing elements") {
  Tensor a = Tensor::from({2, 2}, std::vector<float>{1, 2, 3, 4});
  Tensor b = a.clone();
  b.values()[0] = 9;
  CHECK(a.values()[0] == 1);
  Tensor c = std::move(a);
  CHECK_FALSE(a.defined());
  CHECK(c.to(DType::f64).data<double>()[3] == 4.0);
  CHECK_THROWS_AS(c.data<double>(), Error);
  CHECK_THROWS_AS(std::move(c).reshaped({3}), Error);
  CHECK(std::move(b).reshaped({4}).values()[3] == 4);
}

TEST_CASE("buffer: gives its memory back once however often it moved") {
  const auto pool = make_host_pool();
  {
    Buffer<std::int32_t> first(16, pool), second(32, pool);
    CHECK(pool->bytes_in_use() == 3 * 64);
    first.data()[4] = 9;
    second = std::move(first);
    CHECK(second.size() == 16);
    CHECK(second.data()[4] == 9);
    const Buffer<std::int32_t> third = std::move(second);
    CHECK(third.data()[4] == 9);
    CHECK(second.data() == nullptr);
  }
  CHECK(pool->bytes_in_use() == 0);
  CHECK(Buffer<std::int32_t>().data() == nullptr);
}

TEST_CASE("memory pool: a freed block is handed out again and the peak is counted") {
  const auto pool = make_host_pool();
  const void* first = nullptr;
  {
    Tensor a({1000}, DType::f32, pool);
    first = a.data<float>();
    CHECK(pool->bytes_in_use() >= 4000);
  }
  CHECK(pool->bytes_in_use() == 0);
  Tensor b({990}, DType::f32, pool);
  CHECK(b.data<float>() == first);
  CHECK(pool->peak_bytes() < 8000);
}
