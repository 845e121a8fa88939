// ReLU, ReLU6 and add against the CPU, bit for bit.
#include <limits>

#include "kernels/add/add.hpp"
#include "kernels/relevance/relevance.hpp"
#include "kernels/relu/relu.hpp"
#include "modes.hpp"
#include "sentinel.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

constexpr double kElementwiseInfinity = std::numeric_limits<double>::infinity();

/// Fewer than a vector, a whole number of vectors or not, more than a block's 4096 elements.
constexpr std::int64_t kElementwiseCounts[] = {0, 1, 3, 4, 5, 13, 127, 1024, 4096, 4097, 9001};

void check_same(const std::vector<float>& found, const std::vector<float>& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i);
    CHECK(std::bit_cast<std::uint32_t>(found[i]) == std::bit_cast<std::uint32_t>(expected[i]));
  }
}

/// fn(count, offset): every count with aligned arrays, some with arrays that start between multiples of 16
/// bytes.
template <class Fn>
void for_every_count(Fn&& fn) {
  in_every_mode([&] {
    for (const std::int64_t count : kElementwiseCounts) {
      CAPTURE(count);
      fn(count, std::int64_t{0});
    }
    for (const std::int64_t offset : {1, 2, 3}) fn(std::int64_t{201}, offset);
  });
}

}  // namespace

TEST_CASE("relu forward: CUDA equals the CPU on every tail") {
  for_every_count([](std::int64_t count, std::int64_t offset) {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    std::vector<float> x = awkward_values(count, "cuda.relu.x"), expected(x.size());
    if (count > 5) x[5] = std::numeric_limits<float>::quiet_NaN();
    for (const double upper : {kElementwiseInfinity, 6.0}) {
      cpu::relu_forward(host, {count, upper}, x.data(), expected.data());
      Guarded dx(device, x, offset), dy(device, std::vector<float>(x.size(), -1.0f), offset);
      cuda::relu_forward(device, {count, upper}, dx.data(), dy.data());
      check_same(dy.values(), expected);
      check_same(dx.values(), x);
    }
  });
}

TEST_CASE("relu forward: CUDA may write over its input") {
  for_every_count([](std::int64_t count, std::int64_t offset) {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    const std::vector<float> x = awkward_values(count, "cuda.relu.x");
    std::vector<float> expected(x.size());
    cpu::relu_forward(host, {count, 6.0}, x.data(), expected.data());
    Guarded in_place(device, x, offset);
    cuda::relu_forward(device, {count, 6.0}, in_place.data(), in_place.data());
    check_same(in_place.values(), expected);
  });
}

TEST_CASE("relu backward: CUDA equals the CPU under all three rules") {
  for_every_count([](std::int64_t count, std::int64_t offset) {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    const std::vector<float> y = awkward_values(count, "cuda.relu.y"),
                             dy = awkward_values(count, "cuda.relu.dy");
    std::vector<float> expected(y.size());
    for (const double upper : {kElementwiseInfinity, 6.0}) {
      for (const BackwardRule rule :
           {BackwardRule::standard, BackwardRule::deconvnet, BackwardRule::guided}) {
        CAPTURE(static_cast<int>(rule));
        cpu::relu_backward(host, {count, upper}, rule, y.data(), dy.data(), expected.data());
        Guarded device_y(device, y, offset), device_dy(device, dy, offset);
        Guarded dx(device, std::vector<float>(y.size(), -1.0f), offset);
        cuda::relu_backward(device, {count, upper}, rule, device_y.data(), device_dy.data(), dx.data());
        check_same(dx.values(), expected);
        cuda::relu_backward(device, {count, upper}, rule, device_y.data(), device_dy.data(),
                            device_dy.data());
        check_same(device_dy.values(), expected);
      }
    }
  });
}

TEST_CASE("add forward: CUDA equals the CPU and may write over either term") {
  for_every_count([](std::int64_t count, std::int64_t offset) {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    const std::vector<float> a = awkward_values(count, "cuda.add.a"), b = awkward_values(count, "cuda.add.b");
    std::vector<float> expected(a.size());
    cpu::add_forward(host, count, a.data(), b.data(), expected.data());
    Guarded device_a(device, a, offset), device_b(device, b, offset), y(device, a, 0);
    cuda::add_forward(device, count, device_a.data(), device_b.data(), y.data());
    check_same(y.values(), expected);
    cuda::add_forward(device, count, device_a.data(), device_b.data(), device_b.data());
    check_same(device_b.values(), expected);
  });
}

TEST_CASE("elementwise: one misaligned array among aligned ones is enough to go element by element") {
  in_every_mode([] {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    const std::vector<float> a = awkward_values(201, "cuda.add.a"), b = awkward_values(201, "cuda.add.b");
    std::vector<float> expected(a.size());
    cpu::add_forward(host, 201, a.data(), b.data(), expected.data());
    for (int shifted = 0; shifted < 3; ++shifted) {
      CAPTURE(shifted);
      Guarded device_a(device, a, shifted == 0), device_b(device, b, shifted == 1);
      Guarded y(device, std::vector<float>(a.size(), -1.0f), shifted == 2);
      cuda::add_forward(device, 201, device_a.data(), device_b.data(), y.data());
      check_same(y.values(), expected);
    }
  });
}

TEST_CASE("elementwise: more elements than a grid has room for are refused") {
  const FreshDevice fresh;
  Context device({Device::Kind::cuda}, 1);
  const std::int64_t count = std::int64_t{1} << 44;
  CHECK_THROWS_WITH_AS(cuda::relu_forward(device, {count, 6.0}, nullptr, nullptr),
                       doctest::Contains("17592186044416 elements is too large for one kernel"), Error);
  CHECK(device_report() == "");
}

TEST_CASE("add backward: CUDA copies the gradient") {
  for_every_count([](std::int64_t count, std::int64_t offset) {
    Context device({Device::Kind::cuda}, 1);
    const std::vector<float> dy = awkward_values(count, "cuda.add.dy");
    Guarded device_dy(device, dy, offset), dx(device, std::vector<float>(dy.size(), -1.0f), offset);
    cuda::add_backward(device, count, device_dy.data(), dx.data());
    check_same(dx.values(), dy);
  });
}

TEST_CASE("costs: bytes and operations follow from the equations") {
  CHECK(cuda::relu_forward_cost({100, 6}) == Cost{800, 200});
  CHECK(cuda::relu_backward_cost({100, 6}, BackwardRule::standard) == Cost{1200, 200});
  CHECK(cuda::relu_backward_cost({100, 6}, BackwardRule::deconvnet) == Cost{800, 100});
  CHECK(cuda::relu_backward_cost({100, 6}, BackwardRule::guided) == Cost{1200, 300});
  CHECK(cuda::add_forward_cost(100) == Cost{1200, 100});
  CHECK(cuda::add_backward_cost(100) == Cost{800, 0});
}

TEST_CASE("relevance: each step on CUDA equals the CPU's on every tail") {
  for_every_count([](std::int64_t count, std::int64_t offset) {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    const std::vector<float> a = awkward_values(count, "cuda.relevance.a"),
                             b = awkward_values(count, "cuda.relevance.b"),
                             c = awkward_values(count, "cuda.relevance.c"),
                             d = awkward_values(count, "cuda.relevance.d");
    std::vector<float> expected(a.size());
    Guarded da(device, a, offset), db(device, b, offset), dc(device, c, offset), dd(device, d, offset),
        y(device, std::vector<float>(a.size(), -1.0f), offset);
    const auto same = [&] { check_same(y.values(), expected); };
    cpu::difference_part(host, count, {2, -3}, a.data(), b.data(), c.data(), expected.data());
    cuda::difference_part(device, count, {2, -3}, da.data(), db.data(), dc.data(), y.data());
    same();
    cpu::over_difference(host, count, a.data(), b.data(), c.data(), d.data(), expected.data());
    cuda::over_difference(device, count, da.data(), db.data(), dc.data(), dd.data(), y.data());
    same();
    for (const bool below : {true, false}) {
      const ShareParams params{.count = count, .scale = -2, .below = below};
      cpu::share(host, params, a.data(), b.data(), c.data(), expected.data());
      cuda::share(device, params, da.data(), db.data(), dc.data(), y.data());
      same();
    }
    cpu::slopes(host, count, {1.25, 0}, a.data(), expected.data());
    cuda::slopes(device, count, {1.25, 0}, da.data(), y.data());
    same();
    cpu::by_sign(host, count, a.data(), b.data(), c.data(), expected.data());
    cuda::by_sign(device, count, da.data(), db.data(), dc.data(), y.data());
    same();
  });
}

TEST_CASE("relevance: the costs are the traffic and the operations of the equations") {
  CHECK(cuda::difference_part_cost(5) == Cost{80, 20});
  CHECK(cuda::over_difference_cost(5) == Cost{100, 15});
  CHECK(cuda::share_cost(5) == Cost{80, 35});
  CHECK(cuda::slopes_cost(5) == Cost{40, 10});
  CHECK(cuda::by_sign_cost(5) == Cost{80, 10});
}
