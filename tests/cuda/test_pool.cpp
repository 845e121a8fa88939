// Pooling on CUDA against the CPU.
#include <cmath>

#include "arrays.hpp"
#include "kernels/pool/pool.hpp"
#include "modes.hpp"
#include "sentinel.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

constexpr float kPoolNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kPoolInfinity = std::numeric_limits<float>::infinity();

std::int64_t pool_input_size(const Pool2dParams& p) { return p.planes * p.in_height * p.in_width; }
std::int64_t output_size(const Pool2dParams& p) { return p.planes * p.out_height * p.out_width; }

/// Windows of one element; overlap with padding, in more than one block; no overlap; oblong windows with an
/// output that ceil mode adds; stride 1; pixels that no window holds; a single
/// window that is not the whole plane; a kernel that sees padding on all sides.
constexpr Pool2dParams kWindows[] = {
    {.planes = 2, .in_height = 1, .in_width = 1, .out_height = 1, .out_width = 1},
    {.planes = 5,
     .in_height = 9,
     .in_width = 9,
     .out_height = 5,
     .out_width = 5,
     .kernel_height = 3,
     .kernel_width = 3,
     .stride_height = 2,
     .stride_width = 2,
     .pad_height = 1,
     .pad_width = 1},
    {.planes = 3,
     .in_height = 6,
     .in_width = 13,
     .out_height = 3,
     .out_width = 6,
     .kernel_height = 2,
     .kernel_width = 2,
     .stride_height = 2,
     .stride_width = 2},
    {.planes = 1,
     .in_height = 13,
     .in_width = 11,
     .out_height = 8,
     .out_width = 4,
     .kernel_height = 3,
     .kernel_width = 2,
     .stride_height = 2,
     .stride_width = 3,
     .pad_height = 1},
    {.planes = 2,
     .in_height = 5,
     .in_width = 7,
     .out_height = 5,
     .out_width = 7,
     .kernel_height = 3,
     .kernel_width = 3,
     .pad_height = 1,
     .pad_width = 1,
     .count_include_pad = false},
    {.planes = 1,
     .in_height = 8,
     .in_width = 7,
     .out_height = 3,
     .out_width = 2,
     .kernel_height = 2,
     .kernel_width = 2,
     .stride_height = 3,
     .stride_width = 4},
    {.planes = 2,
     .in_height = 3,
     .in_width = 3,
     .out_height = 1,
     .out_width = 1,
     .kernel_height = 3,
     .kernel_width = 3,
     .stride_height = 3,
     .stride_width = 3,
     .pad_height = 1},
    {.planes = 2,
     .in_height = 3,
     .in_width = 3,
     .out_height = 1,
     .out_width = 1,
     .kernel_height = 3,
     .kernel_width = 3,
     .stride_height = 3,
     .stride_width = 3,
     .pad_width = 1},
    {.planes = 2,
     .in_height = 2,
     .in_width = 4,
     .out_height = 1,
     .out_width = 1,
     .kernel_height = 2,
     .kernel_width = 3,
     .stride_height = 2,
     .stride_width = 2},
    {.planes = 2,
     .in_height = 4,
     .in_width = 3,
     .out_height = 1,
     .out_width = 1,
     .kernel_height = 3,
     .kernel_width = 3,
     .stride_height = 2,
     .stride_width = 2},
    {.planes = 2,
     .in_height = 3,
     .in_width = 9,
     .out_height = 1,
     .out_width = 3,
     .kernel_height = 3,
     .kernel_width = 3,
     .stride_width = 3},
    {.planes = 2,
     .in_height = 2,
     .in_width = 1,
     .out_height = 3,
     .out_width = 2,
     .kernel_height = 4,
     .kernel_width = 4,
     .pad_height = 2,
     .pad_width = 2},
};

/// Max pooling has dilation too: windows with gaps, and windows all of whose taps are padding.
constexpr Pool2dParams kDilated[] = {
    {.planes = 2,
     .in_height = 9,
     .in_width = 8,
     .out_height = 3,
     .out_width = 7,
     .kernel_height = 3,
     .kernel_width = 2,
     .stride_height = 2,
     .pad_height = 1,
     .pad_width = 1,
     .dilation_height = 3,
     .dilation_width = 3},
    {.planes = 2,
     .in_height = 1,
     .in_width = 3,
     .out_height = 1,
     .out_width = 3,
     .kernel_height = 2,
     .kernel_width = 2,
     .pad_height = 1,
     .pad_width = 1,
     .dilation_height = 2,
     .dilation_width = 2},
};

/// The whole plane, with and without a multiple of four elements; outputs as inputs; a thread per window and
/// a warp per window, uneven ones; more outputs than inputs.
constexpr Pool2dParams kAdaptive[] = {
    {.planes = 9, .in_height = 7, .in_width = 7, .out_height = 1, .out_width = 1},
    {.planes = 2, .in_height = 8, .in_width = 6, .out_height = 1, .out_width = 1},
    {.planes = 2, .in_height = 6, .in_width = 6, .out_height = 6, .out_width = 6},
    {.planes = 6, .in_height = 13, .in_width = 10, .out_height = 7, .out_width = 7},
    {.planes = 3, .in_height = 23, .in_width = 17, .out_height = 3, .out_width = 4},
    {.planes = 2, .in_height = 5, .in_width = 31, .out_height = 5, .out_width = 1},
    {.planes = 2, .in_height = 31, .in_width = 5, .out_height = 1, .out_width = 5},
    {.planes = 2, .in_height = 3, .in_width = 2, .out_height = 5, .out_width = 7},
};

/// Ties, a NaN, and a stretch of −∞ that holds whole windows.
std::vector<float> input_of(const Pool2dParams& p) {
  std::vector<float> x = awkward_values(pool_input_size(p), "cuda.pool.x");
  if (x.size() < 30) return x;
  x[3] = kPoolNan;
  std::fill(x.end() - 12, x.end(), -kPoolInfinity);
  return x;
}

std::int32_t* indices(Guarded& array) { return reinterpret_cast<std::int32_t*>(array.data()); }

std::vector<float> as_floats(const std::vector<std::int32_t>& values) {
  std::vector<float> floats;
  for (const std::int32_t value : values) floats.push_back(std::bit_cast<float>(value));
  return floats;
}

template <class Fn>
void for_every_max_pool(Fn&& fn) {
  in_every_mode([&] {
    for (const auto& table :
         {std::span<const Pool2dParams>(kWindows), std::span<const Pool2dParams>(kDilated)})
      for (const Pool2dParams& p : table) {
        CAPTURE(p.in_height);
        CAPTURE(p.in_width);
        fn(p);
      }
  });
}

/// Runs `forward` and `backward` of both devices on every case, forward on x and backward on dy.
template <class Cpu, class Cuda>
void compare(std::span<const Pool2dParams> cases, bool backward, Cpu&& cpu_kernel, Cuda&& cuda_kernel,
             double tolerance) {
  in_every_mode([&] {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    for (const Pool2dParams& p : cases) {
      CAPTURE(p.in_height);
      CAPTURE(p.in_width);
      const std::vector<float> in =
          awkward_values(backward ? output_size(p) : pool_input_size(p), "cuda.pool.in");
      std::vector<float> expected(static_cast<std::size_t>(backward ? pool_input_size(p) : output_size(p)));
      cpu_kernel(host, p, in.data(), expected.data());
      Guarded device_in(device, in), out(device, unwritten(static_cast<std::int64_t>(expected.size())));
      cuda_kernel(device, p, device_in.data(), out.data());
      if (tolerance == 0)
        check_exact(out.values(), expected);
      else
        CHECK(relative_difference(out.values(), expected) <= tolerance);
    }
  });
}

}  // namespace

TEST_CASE("max pooling forward: CUDA equals the CPU in values and positions") {
  for_every_max_pool([](const Pool2dParams& p) {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    const std::vector<float> x = input_of(p);
    std::vector<float> expected(static_cast<std::size_t>(output_size(p)));
    std::vector<std::int32_t> positions(expected.size());
    cpu::max_pool2d_forward(host, p, x.data(), expected.data(), positions.data());
    Guarded device_x(device, x), y(device, unwritten(output_size(p)));
    Guarded argmax(device, unwritten(output_size(p))), alone(device, unwritten(output_size(p)));
    cuda::max_pool2d_forward(device, p, device_x.data(), y.data(), indices(argmax));
    check_exact(y.values(), expected);
    const std::vector<float> found = argmax.values(), wanted = as_floats(positions);
    CHECK(std::equal(found.begin(), found.end(), wanted.begin(), wanted.end(), [](float a, float b) {
      return std::bit_cast<std::int32_t>(a) == std::bit_cast<std::int32_t>(b);
    }));
    cuda::max_pool2d_forward(device, p, device_x.data(), alone.data(), nullptr);
    check_exact(alone.values(), expected);
  });
}

TEST_CASE("max pooling backward: CUDA adds in the CPU's order") {
  for_every_max_pool([](const Pool2dParams& p) {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    const std::vector<float> x = input_of(p), dy = awkward_values(output_size(p), "cuda.pool.dy");
    std::vector<float> y(dy.size()), expected(x.size());
    std::vector<std::int32_t> positions(dy.size());
    cpu::max_pool2d_forward(host, p, x.data(), y.data(), positions.data());
    cpu::max_pool2d_backward(host, p, positions.data(), dy.data(), expected.data());
    Guarded argmax(device, as_floats(positions)), device_dy(device, dy),
        dx(device, unwritten(pool_input_size(p)));
    cuda::max_pool2d_backward(device, p, indices(argmax), device_dy.data(), dx.data());
    check_exact(dx.values(), expected);
  });
}

TEST_CASE("average pooling: CUDA equals the CPU forward and backward") {
  compare(kWindows, false, cpu::avg_pool2d_forward<float>, cuda::avg_pool2d_forward, 0);
  compare(kWindows, true, cpu::avg_pool2d_backward<float>, cuda::avg_pool2d_backward, 0);
}

TEST_CASE("average pooling: one window over the whole plane takes the path of a global mean") {
  constexpr Pool2dParams kGlobal[] = {{.planes = 9,
                                       .in_height = 7,
                                       .in_width = 7,
                                       .out_height = 1,
                                       .out_width = 1,
                                       .kernel_height = 7,
                                       .kernel_width = 7},
                                      {.planes = 3,
                                       .in_height = 8,
                                       .in_width = 4,
                                       .out_height = 1,
                                       .out_width = 1,
                                       .kernel_height = 8,
                                       .kernel_width = 4,
                                       .stride_height = 3}};
  compare(kGlobal, false, cpu::avg_pool2d_forward<float>, cuda::avg_pool2d_forward, 1e-6);
  compare(kGlobal, true, cpu::avg_pool2d_backward<float>, cuda::avg_pool2d_backward, 0);
}

TEST_CASE("adaptive average pooling: CUDA agrees with the CPU") {
  compare(kAdaptive, false, cpu::adaptive_avg_pool2d_forward<float>, cuda::adaptive_avg_pool2d_forward, 1e-6);
  compare(kAdaptive, true, cpu::adaptive_avg_pool2d_backward<float>, cuda::adaptive_avg_pool2d_backward, 0);
}

TEST_CASE("adaptive average pooling: a plane's mean does not depend on its place in the batch") {
  in_every_mode([] {
    Context device({Device::Kind::cuda}, 1);
    for (const Pool2dParams& p : kAdaptive) {
      const std::vector<float> plane = uniform(p.in_height * p.in_width, "cuda.pool.plane");
      std::vector<float> x;
      for (std::int64_t i = 0; i < p.planes; ++i) x.insert(x.end(), plane.begin(), plane.end());
      Guarded device_x(device, x), y(device, unwritten(output_size(p)));
      cuda::adaptive_avg_pool2d_forward(device, p, device_x.data(), y.data());
      const std::vector<float> means = y.values();
      const auto outputs = static_cast<std::ptrdiff_t>(p.out_height * p.out_width);
      for (auto at = means.begin(); at != means.end(); at += outputs)
        check_exact({at, at + outputs}, {means.begin(), means.begin() + outputs});
    }
  });
}

TEST_CASE("pooling: NaN reaches every mean it is part of") {
  const FreshDevice fresh;
  Context device({Device::Kind::cuda}, 1);
  std::vector<float> x(2 * 49, 1.0f);
  x[20] = kPoolNan;
  Guarded device_x(device, x), y(device, {0, 0});
  cuda::adaptive_avg_pool2d_forward(
      device, {.planes = 2, .in_height = 7, .in_width = 7, .out_height = 1, .out_width = 1}, device_x.data(),
      y.data());
  const std::vector<float> means = y.values();
  CHECK(std::isnan(means[0]));
  CHECK(means[1] == doctest::Approx(1).epsilon(1e-6));
}

TEST_CASE("pooling: an empty batch is no launch") {
  const FreshDevice fresh;
  Context device({Device::Kind::cuda}, 1);
  constexpr Pool2dParams kNone{.in_height = 4,
                               .in_width = 4,
                               .out_height = 2,
                               .out_width = 2,
                               .kernel_height = 2,
                               .kernel_width = 2,
                               .stride_height = 2,
                               .stride_width = 2};
  constexpr Pool2dParams kNoneAtAll{.in_height = 16, .in_width = 16, .out_height = 2, .out_width = 2};
  cuda::max_pool2d_forward(device, kNone, nullptr, nullptr, nullptr);
  cuda::max_pool2d_backward(device, kNone, nullptr, nullptr, nullptr);
  cuda::avg_pool2d_forward(device, kNone, nullptr, nullptr);
  cuda::avg_pool2d_backward(device, kNone, nullptr, nullptr);
  cuda::adaptive_avg_pool2d_forward(device, kNone, nullptr, nullptr);
  cuda::adaptive_avg_pool2d_forward(device, kNoneAtAll, nullptr, nullptr);
  cuda::adaptive_avg_pool2d_backward(device, kNone, nullptr, nullptr);
  CHECK(device_report() == "");
}

TEST_CASE("pooling: what 32-bit positions cannot hold is refused by name") {
  const FreshDevice fresh;
  Context device({Device::Kind::cuda}, 1);
  Pool2dParams many{.planes = 1 << 20, .in_height = 64, .in_width = 32, .out_height = 32, .out_width = 16};
  const auto refusal = doctest::Contains("[adaptive_avg_pool2d] 2147483648 elements are too many");
  CHECK_THROWS_WITH_AS(cuda::adaptive_avg_pool2d_forward(device, many, nullptr, nullptr), refusal, Error);
  CHECK_THROWS_WITH_AS(cuda::adaptive_avg_pool2d_backward(device, many, nullptr, nullptr), refusal, Error);
  CHECK_THROWS_WITH_AS(cuda::max_pool2d_forward(device, many, nullptr, nullptr, nullptr),
                       doctest::Contains("[max_pool2d] 2147483648 elements"), Error);
  Pool2dParams wide{.planes = 1, .in_height = 1, .in_width = 1 << 30, .out_height = 1, .out_width = 3};
  CHECK_THROWS_WITH_AS(cuda::adaptive_avg_pool2d_forward(device, wide, nullptr, nullptr),
                       doctest::Contains("[adaptive_avg_pool2d] 4294967300 elements"), Error);
}

TEST_CASE("pooling: bytes and operations follow from the equations") {
  constexpr Pool2dParams p{.planes = 2,
                           .in_height = 4,
                           .in_width = 6,
                           .out_height = 2,
                           .out_width = 3,
                           .kernel_height = 2,
                           .kernel_width = 2,
                           .stride_height = 2,
                           .stride_width = 2};
  CHECK(cuda::max_pool2d_forward_cost(p, false) == Cost{4 * (48 + 12), 48});
  CHECK(cuda::max_pool2d_forward_cost(p, true) == Cost{4 * (48 + 24), 48});
  CHECK(cuda::max_pool2d_backward_cost(p) == Cost{4 * (48 + 24), 12});
  CHECK(cuda::avg_pool2d_cost(p) == Cost{4 * (48 + 12), 60});
  CHECK(cuda::adaptive_avg_pool2d_cost(p) == Cost{4 * (48 + 12), 60});
}
