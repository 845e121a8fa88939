// The elementwise product against the CPU: bit for bit where nothing is summed.
#include "arrays.hpp"
#include "kernels/multiply/multiply.hpp"
#include "modes.hpp"
#include "sentinel.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

struct Factors {
  Shape a, b;
};
/// Equal shapes; either repeated along the innermost axis, an outer one, both, alternating ones and six; sums of one
/// warp, of a block, of a thread; more elements than a block has threads.
const Factors kFactors[] = {
    {{1, 1}, {1, 1}},
    {{3, 2, 5, 7}, {3, 2, 5, 7}},
    {{3, 2, 5, 7}, {3, 2, 1, 1}},
    {{2, 3, 1, 1}, {2, 3, 13, 11}},
    {{3, 5, 9, 7}, {3, 1, 9, 7}},
    {{3, 1, 5, 1}, {3, 4, 1, 7}},
    {{2, 3, 5, 7}, {1, 3, 1, 1}},
    {{2, 1, 5, 1}, {2, 3, 5, 7}},
    {{2, 1, 3, 1, 2, 1}, {1, 3, 1, 2, 1, 4}},
    {{0, 3, 5, 7}, {0, 3, 1, 1}},
    {{1, 3, 1, 1}, {0, 3, 5, 7}},
};

std::int64_t y_count(const Factors& f) { return MultiplyParams(f.a, f.b).count(); }

}  // namespace

TEST_CASE("multiply: CUDA equals the CPU however factors are repeated") {
  in_every_mode([] {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    for (const Factors& f : kFactors) {
      CAPTURE(text(f.a, " times ", f.b));
      const MultiplyParams params(f.a, f.b);
      const std::vector<float> a = awkward_values(f.a.numel(), "cuda.multiply.a"),
                               b = awkward_values(f.b.numel(), "cuda.multiply.b"),
                               dy = awkward_values(y_count(f), "cuda.multiply.dy");
      std::vector<float> y(dy.size()), da(a.size(), -1.0f);
      cpu::multiply_forward(host, params, a.data(), b.data(), y.data());
      cpu::multiply_backward(host, params, b.data(), dy.data(), da.data());
      Guarded device_a(device, a, 1), device_b(device, b), device_dy(device, dy);
      Guarded device_y(device, unwritten(y_count(f))), device_da(device, unwritten(f.a.numel()));
      cuda::multiply_forward(device, params, device_a.data(), device_b.data(), device_y.data());
      check_exact(device_y.values(), y);
      cuda::multiply_backward(device, params, device_b.data(), device_dy.data(), device_da.data());
      if (params.repeating_a().rank == 0)
        check_exact(device_da.values(), da);
      else
        CHECK(relative_difference(device_da.values(), da) <= 1e-5);
    }
  });
}

TEST_CASE("multiply: on CUDA a batch's sums have the bits of its images one by one") {
  in_every_mode([] {
    Context device({Device::Kind::cuda}, 1);
    for (const Factors& f : {Factors{{3, 2, 1, 1}, {3, 2, 13, 11}}, {{3, 1, 5, 7}, {3, 4, 5, 7}}}) {
      const std::int64_t of_a = f.a.numel() / 3, of_b = f.b.numel() / 3;
      const std::vector<float> b = uniform(3 * of_b, "cuda.multiply.b"),
                               dy = uniform(3 * of_b, "cuda.multiply.dy");
      Guarded all_b(device, b), all_dy(device, dy), all_da(device, unwritten(3 * of_a));
      cuda::multiply_backward(device, {f.a, f.b}, all_b.data(), all_dy.data(), all_da.data());
      const std::vector<float> together = all_da.values();
      for (std::ptrdiff_t n = 0; n < 3; ++n) {
        Guarded one_b(device, {b.begin() + n * of_b, b.begin() + (n + 1) * of_b}, 3);
        Guarded one_dy(device, {dy.begin() + n * of_b, dy.begin() + (n + 1) * of_b}, 1);
        Guarded one_da(device, unwritten(of_a));
        cuda::multiply_backward(device, {f.a.with(0, 1), f.b.with(0, 1)}, one_b.data(), one_dy.data(),
                                one_da.data());
        CHECK(one_da.values() ==
              std::vector<float>(together.begin() + n * of_a, together.begin() + (n + 1) * of_a));
      }
    }
  });
}

TEST_CASE("multiply: on CUDA more elements than 32 bits reach are refused") {
  Context device({Device::Kind::cuda}, 1);
  const MultiplyParams params({1 << 16, 1 << 15}, {1 << 16, 1});
  CHECK_THROWS_WITH_AS(cuda::multiply_forward(device, params, nullptr, nullptr, nullptr),
                       doctest::Contains("[multiply]"), Error);
}

TEST_CASE("multiply: bytes and operations follow from the equations") {
  const MultiplyParams gate({2, 3, 1, 1}, {2, 3, 5, 7});
  CHECK(cuda::multiply_forward_cost(gate) == Cost{4 * (210 + 6 + 210), 210});
  CHECK(cuda::multiply_backward_cost(gate) == Cost{4 * (210 + 6 + 210), 210 + 204});
}
