#include <doctest/doctest.h>

#include <limits>
#include <vector>

#include "engine/runtime/device.hpp"
#include "kernels/target/target.hpp"

using namespace backlight;

namespace {

template <class T>
std::int64_t argmax_of(const std::vector<T>& row) {
  Context context({}, 1);
  std::int64_t index = -1;
  cpu::argmax(context, {1, static_cast<std::int64_t>(row.size())}, row.data(), &index);
  return index;
}

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

}  // namespace

TEST_CASE("argmax: the first of the largest") {
  CHECK(argmax_of<float>({5}) == 0);
  CHECK(argmax_of<float>({1, 3, 2, 3}) == 1);
  CHECK(argmax_of<double>({-3, -2, -2}) == 1);
  CHECK(argmax_of<float>({-0.0f, 0.0f}) == 0);
  CHECK(argmax_of<float>({-kInfinity, -kInfinity}) == 0);
  CHECK(argmax_of<float>({0, kInfinity, 1}) == 1);
}

TEST_CASE("argmax: a NaN counts only where it comes first") {
  CHECK(argmax_of<float>({kNan, 1, 2}) == 0);
  CHECK(argmax_of<float>({1, kNan, 2}) == 2);
  CHECK(argmax_of<float>({-kInfinity, kNan}) == 0);
}

TEST_CASE("argmax and one-hot: row by row") {
  Context context({}, 1);
  const std::vector<float> x{1, 2, 3, 9, 8, 7};
  std::vector<std::int64_t> index(2);
  cpu::argmax(context, {2, 3}, x.data(), index.data());
  CHECK(index == std::vector<std::int64_t>{2, 0});
  std::vector<float> dy(6, 5.0f);
  cpu::one_hot(context, {2, 3}, index.data(), -1, dy.data());
  CHECK(dy == std::vector<float>{0, 0, -1, -1, 0, 0});
}

TEST_CASE("one-hot: an index outside of the classes leaves zeros") {
  Context context({}, 1);
  const std::vector<std::int64_t> index{-1, 3};
  std::vector<double> dy(6, 5.0);
  cpu::one_hot(context, {2, 3}, index.data(), 1, dy.data());
  CHECK(dy == std::vector<double>(6, 0.0));
}
