// Grad-CAM's two reductions against the CPU.
#include <cmath>

#include "arrays.hpp"
#include "kernels/grad_cam/grad_cam.hpp"
#include "modes.hpp"
#include "sentinel.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// Areas below, at and above a warp; odd ones, where rows start between multiples of 16 bytes; one channel,
/// and more than a block has groups.
constexpr ChannelMaps kGradCamShapes[] = {{1, 1, 1},   {1, 3, 4},   {2, 5, 13},  {1, 17, 31}, {2, 16, 32},
                                          {3, 19, 33}, {2, 40, 49}, {1, 9, 196}, {1, 4, 391}};
constexpr double kGradCamTolerance = 1e-5;  // the CPU sums in double, CUDA in float

}  // namespace

TEST_CASE("channel sum: CUDA agrees with the CPU") {
  in_every_mode([] {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    for (const ChannelMaps& m : kGradCamShapes) {
      CAPTURE(m.plane);
      const double scale = 1.0 / static_cast<double>(m.plane);
      const std::vector<float> g = uniform(m.batch * m.channels * m.plane, "cuda.g");
      std::vector<float> expected(static_cast<std::size_t>(m.batch * m.channels));
      cpu::channel_sum(host, m, scale, g.data(), expected.data());
      for (const std::int64_t offset : {0, 1}) {
        Guarded device_g(device, g, offset), alpha(device, unwritten(m.batch * m.channels));
        cuda::channel_sum(device, m, scale, device_g.data(), alpha.data());
        CHECK(relative_difference(alpha.values(), expected) <= kGradCamTolerance);
      }
    }
  });
}

TEST_CASE("weighted sum: CUDA agrees with the CPU") {
  in_every_mode([] {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    for (const ChannelMaps& m : kGradCamShapes) {
      CAPTURE(m.plane);
      const std::vector<float> alpha = uniform(m.batch * m.channels, "cuda.alpha");
      const std::vector<float> a = uniform(m.batch * m.channels * m.plane, "cuda.a");
      std::vector<float> expected(static_cast<std::size_t>(m.batch * m.plane));
      cpu::weighted_sum(host, m, alpha.data(), a.data(), expected.data());
      Guarded device_alpha(device, alpha), device_a(device, a), map(device, unwritten(m.batch * m.plane));
      cuda::weighted_sum(device, m, device_alpha.data(), device_a.data(), map.data());
      CHECK(relative_difference(map.values(), expected) <= kGradCamTolerance);
    }
  });
}

TEST_CASE("weighted sum: extrema and ReLU of the same pass are those of its sums") {
  in_every_mode([] {
    Context device({Device::Kind::cuda}, 1);
    for (const ChannelMaps& m : kGradCamShapes) {
      CAPTURE(m.plane);
      const std::vector<float> alpha = uniform(m.batch * m.channels, "cuda.alpha");
      const std::vector<float> a = uniform(m.batch * m.channels * m.plane, "cuda.a");
      Guarded device_alpha(device, alpha), device_a(device, a), sums(device, unwritten(m.batch * m.plane)),
          map(device, unwritten(m.batch * m.plane));
      cuda::weighted_sum(device, m, device_alpha.data(), device_a.data(), sums.data());
      const std::vector<float> expected = sums.values();
      Tensor extrema = device.records<Extrema>(m.batch);
      for (const MapValues values : {MapValues::raw, MapValues::rectified}) {
        cuda::weighted_sum_extrema(device, m, values, device_alpha.data(), device_a.data(), map.data(),
                                   extrema.records<Extrema>().data());
        std::vector<float> stored = expected;
        if (values == MapValues::rectified)
          for (float& v : stored) v = std::max(v, 0.0f);
        CHECK(map.values() == stored);
        const Tensor on_host = device.to_host(extrema);
        const std::span<const Extrema> found = on_host.records<Extrema>();
        for (std::ptrdiff_t n = 0; n < m.batch; ++n) {
          const auto [low, high] =
              std::minmax_element(expected.begin() + n * m.plane, expected.begin() + (n + 1) * m.plane);
          CHECK(found[static_cast<std::size_t>(n)].low() == *low);
          CHECK(found[static_cast<std::size_t>(n)].high() == *high);
        }
      }
    }
  });
}

TEST_CASE("weighted sum: NaN and infinity show in the extrema and NaN passes the ReLU") {
  in_every_mode([] {
    Context device({Device::Kind::cuda}, 1);
    for (const float bad : {NAN, -NAN, INFINITY, -INFINITY}) {
      Guarded alpha(device, {1}), a(device, {-1, bad, 2}), map(device, unwritten(3));
      Tensor extrema = device.records<Extrema>(1);
      cuda::weighted_sum_extrema(device, {1, 1, 3}, MapValues::rectified, alpha.data(), a.data(), map.data(),
                                 extrema.records<Extrema>().data());
      const Extrema found = device.to_host(extrema).records<Extrema>()[0];
      CHECK(!(std::isfinite(found.low()) && std::isfinite(found.high())));
      CHECK(std::isnan(map.values()[1]) == std::isnan(bad));
    }
  });
}

TEST_CASE("extrema: keys keep the order of floats and zero is nothing") {
  const float ordered[] = {-INFINITY, -3.5f, -1e-40f, -0.0f, 0.0f, 1e-40f, 2, INFINITY};
  for (std::size_t i = 0; i < std::size(ordered); ++i) {
    const Extrema one = Extrema::of(ordered[i]);
    CHECK(std::bit_cast<std::uint32_t>(one.low()) == std::bit_cast<std::uint32_t>(ordered[i]));
    CHECK(std::bit_cast<std::uint32_t>(one.high()) == std::bit_cast<std::uint32_t>(ordered[i]));
    CHECK(one.high_key > 0);
    CHECK(one.negated_low_key > 0);
    if (i > 0) CHECK(one.high_key > Extrema::of(ordered[i - 1]).high_key);
  }
}

TEST_CASE("Grad-CAM reductions: a batch gives the bits of its images one by one") {
  in_every_mode([] {
    Context device({Device::Kind::cuda}, 1);
    const ChannelMaps batch{3, 7, 49}, single{1, 7, 49};
    const std::vector<float> g = uniform(3 * 7 * 49, "cuda.batch.g");
    Guarded all(device, g), alpha(device, unwritten(3 * 7)), map(device, unwritten(3 * 49));
    cuda::channel_sum(device, batch, 0.5, all.data(), alpha.data());
    cuda::weighted_sum(device, batch, alpha.data(), all.data(), map.data());
    const std::vector<float> alphas = alpha.values(), maps = map.values();
    for (std::ptrdiff_t n = 0; n < 3; ++n) {
      Guarded one(device, {g.begin() + n * 7 * 49, g.begin() + (n + 1) * 7 * 49});
      Guarded one_alpha(device, unwritten(7)), one_map(device, unwritten(49));
      cuda::channel_sum(device, single, 0.5, one.data(), one_alpha.data());
      cuda::weighted_sum(device, single, one_alpha.data(), one.data(), one_map.data());
      CHECK(one_alpha.values() == std::vector<float>(alphas.begin() + n * 7, alphas.begin() + (n + 1) * 7));
      CHECK(one_map.values() == std::vector<float>(maps.begin() + n * 49, maps.begin() + (n + 1) * 49));
    }
  });
}

TEST_CASE("Grad-CAM reductions: an empty map is no launch") {
  const FreshDevice fresh;
  Context device({Device::Kind::cuda}, 1);
  cuda::channel_sum(device, {0, 4, 9}, 1, nullptr, nullptr);
  cuda::weighted_sum(device, {1, 4, 0}, nullptr, nullptr, nullptr);
  cuda::weighted_sum_extrema(device, {0, 4, 9}, MapValues::raw, nullptr, nullptr, nullptr, nullptr);
  CHECK(device_report() == "");
}

TEST_CASE("Grad-CAM reductions: bytes and operations follow from the equations") {
  CHECK(cuda::channel_sum_cost({2, 3, 5}) == Cost{4 * (30 + 6), 36});
  CHECK(cuda::weighted_sum_cost({2, 3, 5}) == Cost{4 * (30 + 6 + 10), 60});
  CHECK(cuda::weighted_sum_extrema_cost({2, 3, 5}, MapValues::raw) == Cost{4 * (30 + 6 + 10 + 4), 80});
  CHECK(cuda::weighted_sum_extrema_cost({2, 3, 5}, MapValues::rectified) == Cost{4 * (30 + 6 + 10 + 4), 90});
}
