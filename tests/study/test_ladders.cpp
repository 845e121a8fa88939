// Every version of every ladder against the CPU, on awkward shapes: single elements, primes, tails, rows that
// do not start at multiples of 16 bytes, whole tiles and one more.
#include <cmath>
#include <limits>
#include <span>

#include "cuda/arrays.hpp"
#include "cuda/sentinel.hpp"
#include "kernels/study/gradient_gap/ladder.hpp"
#include "kernels/study/guided_relu/ladder.hpp"
#include "kernels/study/sgemm/ladder.hpp"
#include "kernels/study/upsampling/ladder.hpp"
#include "kernels/study/weighted_sum/ladder.hpp"
#include "kernels/upsample/upsample.hpp"
#include "modes.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

constexpr double kTolerance = 1e-5;  // sums in float, in an order of their own
constexpr double kInfinity = std::numeric_limits<double>::infinity();

constexpr ChannelMaps kMaps[] = {{1, 1, 1},   {1, 67, 4},  {2, 5, 13}, {3, 7, 33},
                                 {1, 37, 49}, {1, 9, 196}, {1, 4, 391}};

}  // namespace

TEST_CASE("gradient GAP ladder: every version agrees with the CPU") {
  in_every_mode([] {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    for (const ChannelMaps& m : kMaps) {
      CAPTURE(m.plane);
      const std::vector<float> g = uniform(m.batch * m.channels * m.plane, "study.g");
      std::vector<float> expected(static_cast<std::size_t>(m.batch * m.channels));
      cpu::channel_sum(host, m, 0.25, g.data(), expected.data());
      for (const std::int64_t offset : {0, 1}) {
        Guarded device_g(device, g, offset);
        for (const auto& version : study::gradient_gap::kLadder) {
          CAPTURE(version.name);
          Guarded alpha(device, unwritten(m.batch * m.channels));
          version.run(device, m, 0.25, device_g.data(), alpha.data());
          CHECK(relative_difference(alpha.values(), expected) <= kTolerance);
        }
      }
    }
  });
}

TEST_CASE("weighted sum ladder: every version agrees with the CPU") {
  in_every_mode([] {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    for (const ChannelMaps& m : kMaps) {
      CAPTURE(m.plane);
      const std::vector<float> alpha = uniform(m.batch * m.channels, "study.alpha");
      const std::vector<float> a = uniform(m.batch * m.channels * m.plane, "study.a");
      std::vector<float> expected(static_cast<std::size_t>(m.batch * m.plane));
      cpu::weighted_sum(host, m, alpha.data(), a.data(), expected.data());
      for (const std::int64_t offset : {0, 1}) {
        Guarded device_alpha(device, alpha), device_a(device, a, offset);
        for (const auto& version : study::weighted_sum::kLadder) {
          CAPTURE(version.name);
          Guarded map(device, unwritten(m.batch * m.plane));
          version.run(device, m, device_alpha.data(), device_a.data(), map.data());
          CHECK(relative_difference(map.values(), expected) <= kTolerance);
        }
      }
    }
  });
}

TEST_CASE("guided ReLU ladder: every version has the bits of the CPU") {
  in_every_mode([] {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    for (const std::int64_t count : {1, 3, 127, 1024, 4099, 16388}) {
      for (const double upper : {6.0, kInfinity}) {
        CAPTURE(count);
        CAPTURE(upper);
        std::vector<float> y = awkward_values(count, "study.y"), dy = awkward_values(count, "study.dy");
        y[0] = NAN;
        std::vector<float> expected(y.size());
        cpu::relu_backward(host, {count, upper}, BackwardRule::guided, y.data(), dy.data(), expected.data());
        for (const std::int64_t offset : {0, 1}) {
          Guarded device_y(device, y), device_dy(device, dy, offset);
          for (const auto& version : study::guided_relu::kLadder) {
            CAPTURE(version.name);
            Guarded dx(device, unwritten(count));
            version.run(device, {count, upper}, device_y.data(), device_dy.data(), dx.data());
            CHECK(dx.values() == expected);
          }
        }
      }
    }
  });
}

TEST_CASE("upsampling ladder: every version agrees with the CPU") {
  struct Size {
    int height, width, out_height, out_width;
  };
  constexpr Size kSizes[] = {{1, 1, 1, 1},    {1, 1, 5, 7},   {7, 7, 64, 64}, {3, 5, 33, 132},
                             {4, 6, 37, 129}, {13, 11, 5, 4}, {2, 3, 1, 41}};
  in_every_mode([&] {
    Context device({Device::Kind::cuda}, 1);
    for (const Size& s : kSizes) {
      for (const bool corners : {false, true}) {
        CAPTURE(s.out_height);
        CAPTURE(s.out_width);
        CAPTURE(corners);
        constexpr std::int64_t kBatch = 2;
        const std::int64_t in = s.height * s.width, out = s.out_height * s.out_width;
        const std::vector<float> x = uniform(kBatch * in, "study.x");
        std::vector<float> expected;
        for (std::int64_t n = 0; n < kBatch; ++n) {
          Tensor map({s.height, s.width});
          std::copy_n(x.begin() + n * in, in, map.data<float>());
          const Tensor large = upsample(map, s.out_height, s.out_width,
                                        corners ? Upsampling::bilinear_align_corners : Upsampling::bilinear);
          expected.insert(expected.end(), large.values().begin(), large.values().end());
        }
        Guarded device_x(device, x);
        for (const std::int64_t offset : {0, 1}) {
          for (const auto& version : study::upsampling::kLadder) {
            CAPTURE(version.name);
            Guarded y(device, unwritten(kBatch * out), offset);
            version.run(device, {kBatch, s.height, s.width, s.out_height, s.out_width, corners},
                        device_x.data(), y.data());
            CHECK(relative_difference(y.values(), expected) <= 1e-6);
          }
        }
      }
    }
  });
}

TEST_CASE("SGEMM ladder: every version agrees with a sum in double") {
  constexpr study::sgemm::Params kSizes[] = {{1, 1, 1},     {1, 5, 3},      {37, 1, 40}, {33, 65, 9},
                                             {128, 128, 8}, {129, 132, 20}, {4, 6, 0}};
  in_every_mode([&] {
    Context device({Device::Kind::cuda}, 1);
    for (const auto& p : kSizes) {
      CAPTURE(p.m);
      CAPTURE(p.n);
      CAPTURE(p.k);
      const std::vector<float> a = uniform(p.m * p.k, "study.a"), b = uniform(p.k * p.n, "study.b");
      std::vector<float> expected;
      for (std::int64_t i = 0; i < p.m; ++i) {
        for (std::int64_t j = 0; j < p.n; ++j) {
          double sum = 0;
          for (std::int64_t k = 0; k < p.k; ++k) sum += double{a[i * p.k + k]} * double{b[k * p.n + j]};
          expected.push_back(static_cast<float>(sum));
        }
      }
      for (const std::int64_t offset : {0, 1}) {
        Guarded device_a(device, a, offset), device_b(device, b);
        for (const auto& version : study::sgemm::kLadder) {
          CAPTURE(version.name);
          Guarded c(device, unwritten(p.m * p.n), offset);
          version.run(device, p, device_a.data(), device_b.data(), c.data());
          CHECK(relative_difference(c.values(), expected) <= kTolerance);
        }
      }
    }
  });
}

TEST_CASE("ladders: nothing to compute is no launch") {
  const FreshDevice fresh;
  Context device({Device::Kind::cuda}, 1);
  for (const auto& v : study::gradient_gap::kLadder) v.run(device, {0, 4, 9}, 1, nullptr, nullptr);
  for (const auto& v : study::weighted_sum::kLadder) v.run(device, {1, 4, 0}, nullptr, nullptr, nullptr);
  for (const auto& v : study::guided_relu::kLadder) v.run(device, {0, 6}, nullptr, nullptr, nullptr);
  for (const auto& v : study::upsampling::kLadder) v.run(device, {0, 7, 7, 9, 9, false}, nullptr, nullptr);
  for (const auto& v : study::sgemm::kLadder) v.run(device, {0, 3, 3}, nullptr, nullptr, nullptr);
  device.synchronize();
  CHECK(emulator::take_report() == "");
}

TEST_CASE("ladders: a problem too large for one grid is refused") {
  const FreshDevice fresh;
  Context device({Device::Kind::cuda}, 1);
  constexpr std::int64_t kHuge = std::int64_t{1} << 45;
  for (const auto& v : study::guided_relu::kLadder)
    CHECK_THROWS_AS(v.run(device, {kHuge, 6}, nullptr, nullptr, nullptr), Error);
  for (const auto& v : std::span(study::sgemm::kLadder).first(7))
    CHECK_THROWS_AS(v.run(device, {kHuge, kHuge >> 30, 1}, nullptr, nullptr, nullptr), Error);
}
