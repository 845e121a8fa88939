#include <doctest/doctest.h>

#include <limits>

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
