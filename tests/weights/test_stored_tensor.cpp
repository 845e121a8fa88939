#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "weights/float16.hpp"
#include "weights/stored_tensor.hpp"
#include "weights/support.hpp"

using namespace backlight;
using test::refusal;

namespace {

std::shared_ptr<const weights::Storage> storage_of(std::vector<float> values) {
  const auto kept = std::make_shared<const std::vector<float>>(std::move(values));
  auto storage = std::make_shared<weights::Storage>();
  storage->size = kept->size() * sizeof(float);
  storage->read = [kept] { return weights::SharedBytes{kept, std::as_bytes(std::span(*kept))}; };
  return storage;
}

std::shared_ptr<const weights::Storage> counting(int count) {
  std::vector<float> values;
  for (int i = 0; i < count; ++i) values.push_back(static_cast<float>(i));
  return storage_of(std::move(values));
}

StoredTensor tensor(std::vector<std::int64_t> shape, std::vector<std::int64_t> strides, std::int64_t offset,
                    int count) {
  return {"t", std::move(shape), std::move(strides), offset, StoredType::f32, counting(count)};
}

std::vector<float> values(const StoredTensor& stored) {
  const Tensor out = stored.to_f32();
  return {out.values().begin(), out.values().end()};
}

constexpr std::int64_t kHuge = std::numeric_limits<std::int64_t>::max();

}  // namespace

TEST_CASE("stored tensor: strides and offsets pick the elements they name") {
  CHECK(values(tensor({2, 3}, {3, 1}, 1, 8)) == std::vector<float>{1, 2, 3, 4, 5, 6});
  CHECK(values(tensor({3, 2}, {1, 3}, 0, 6)) == std::vector<float>{0, 3, 1, 4, 2, 5});
  CHECK(values(tensor({2, 2}, {0, 0}, 5, 6)) == std::vector<float>{5, 5, 5, 5});
  CHECK(values(tensor({2, 1, 2}, {4, 99, 2}, 0, 8)) == std::vector<float>{0, 2, 4, 6});
  CHECK(values(tensor({2, 2, 2}, {1, 2, 4}, 0, 8)) == std::vector<float>{0, 4, 2, 6, 1, 5, 3, 7});
  CHECK(values(tensor({}, {}, 3, 4)) == std::vector<float>{3});
  CHECK(values(tensor({0, 5}, {5, 1}, 0, 0)).empty());
}

TEST_CASE("stored tensor: long strided runs are converted in pieces without a seam") {
  const StoredTensor column = tensor({10'000}, {3}, 2, 30'000);
  const std::vector<float> out = values(column);
  bool right = out.size() == 10'000;
  for (std::size_t i = 0; i < out.size(); ++i) right = right && out[i] == static_cast<float>(3 * i + 2);
  CHECK(right);
}

TEST_CASE("stored tensor: contiguity does not count dimensions of size one") {
  CHECK(tensor({2, 3}, {3, 1}, 0, 6).is_contiguous());
  CHECK(tensor({2, 1, 3}, {3, 77, 1}, 0, 6).is_contiguous());
  CHECK(tensor({1, 1}, {5, 5}, 0, 1).is_contiguous());
  CHECK_FALSE(tensor({3, 2}, {1, 3}, 0, 6).is_contiguous());
  CHECK_FALSE(tensor({2, 3}, {4, 1}, 0, 8).is_contiguous());
}

TEST_CASE("stored tensor: what lies outside of the storage is refused by name") {
  const auto why = [](std::vector<std::int64_t> shape, std::vector<std::int64_t> strides,
                      std::int64_t offset) {
    return refusal([&] { tensor(std::move(shape), std::move(strides), offset, 6); });
  };
  CHECK(why({2, 3}, {3, 1}, 0).empty());
  CHECK(why({2, 3}, {3, 1}, 1).find("\"t\" of shape [2×3] reaches element 6") != std::string::npos);
  CHECK(why({2, 3}, {4, 1}, 0).find("reaches element 6") != std::string::npos);
  CHECK(why({7}, {0}, 6).find("reaches element 6") != std::string::npos);
  CHECK(why({2}, {-1}, 3).find("negative stride") != std::string::npos);
  CHECK(why({-1}, {1}, 0).find("negative extent") != std::string::npos);
  CHECK(why({1}, {1}, -1).find("negative offset") != std::string::npos);
  CHECK(why({1, 2}, {1}, 0).find("1 strides") != std::string::npos);
  CHECK(why({kHuge, kHuge}, {0, 0}, 0).find("overflows") != std::string::npos);
  CHECK(why({kHuge / 2}, {0}, 0).find("overflows") != std::string::npos);
  CHECK(why({3}, {kHuge}, 0).find("overflows") != std::string::npos);
  CHECK(why({2}, {kHuge}, kHuge).find("overflows") != std::string::npos);
  CHECK(why({kHuge, kHuge, 0}, {1, 1, 1}, 0).find("overflows") != std::string::npos);
}

TEST_CASE("stored tensor: more dimensions than a network can have are refused when they are read") {
  const StoredTensor wide = tensor({1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1}, 0, 1);
  CHECK(refusal([&] { wide.to_f32(); }).find("7 dimensions") != std::string::npos);
}

TEST_CASE("half: all 65536 values survive the way through float and back") {
  int wrong = 0;
  for (int bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = weights::half_to_float(half);
    const bool nan = (bits & 0x7fff) > 0x7c00;
    wrong += nan ? !std::isnan(value) || (weights::float_to_half(value) & 0x7fff) <= 0x7c00
                 : weights::float_to_half(value) != half;
  }
  CHECK(wrong == 0);
  CHECK(weights::half_to_float(0x3c00) == 1.0f);
  CHECK(weights::half_to_float(0x7bff) == 65504.0f);
  CHECK(weights::half_to_float(0x0001) == 0x1p-24f);
}

TEST_CASE("half: rounding goes to the nearest value and from the middle to the even one") {
  int wrong = 0;
  for (int bits = 0; bits < 0x7bff; ++bits) {
    const float low = weights::half_to_float(static_cast<std::uint16_t>(bits));
    const float high = weights::half_to_float(static_cast<std::uint16_t>(bits + 1));
    const float middle = (low + high) / 2;
    const int even = bits % 2 == 0 ? bits : bits + 1;
    wrong += weights::float_to_half(middle) != even;
    wrong += weights::float_to_half(std::nextafter(middle, 0.0f)) != bits;
    wrong += weights::float_to_half(std::nextafter(middle, 1e9f)) != bits + 1;
    wrong += weights::float_to_half(-middle) != (even | 0x8000);
  }
  CHECK(wrong == 0);
  CHECK(weights::float_to_half(65519.996f) == 0x7bff);
  CHECK(weights::float_to_half(65520.0f) == 0x7c00);
  CHECK(weights::float_to_half(std::numeric_limits<float>::infinity()) == 0x7c00);
  CHECK(weights::float_to_half(0x1p-26f) == 0);
}

TEST_CASE("bfloat16: rounding goes to the nearest value and from the middle to the even one") {
  const auto round = [](std::uint32_t bits) {
    return weights::float_to_bfloat16(std::bit_cast<float>(bits));
  };
  CHECK(round(0x3f800000) == 0x3f80);
  CHECK(round(0x3f808000) == 0x3f80);
  CHECK(round(0x3f808001) == 0x3f81);
  CHECK(round(0x3f818000) == 0x3f82);
  CHECK(round(0xbf818000) == 0xbf82);
  CHECK(round(0x7f800000) == 0x7f80);
  CHECK((round(0x7f800001) & 0x7fff) > 0x7f80);
  CHECK(weights::bfloat16_to_float(0x4049) == 3.140625f);
}
