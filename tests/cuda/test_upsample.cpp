// Enlarging maps on the device against kernels/upsample/upsample_cpu.cpp, bit for bit.
#include "kernels/upsample/upsample.hpp"
#include "modes.hpp"
#include "sentinel.hpp"
#include "support/random.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

struct UpsampleCase {
  std::int64_t batch, height, width, out_height, out_width;
};

/// One value, one pixel, primes, more and fewer pixels than values, several tiles, whole rows of four or not.
constexpr UpsampleCase kUpsampleCases[] = {{1, 1, 1, 1, 1},     {1, 1, 1, 5, 7},  {2, 7, 7, 32, 32},
                                           {1, 3, 5, 37, 41},   {1, 2, 3, 1, 1},  {3, 13, 11, 5, 3},
                                           {1, 14, 14, 64, 36}, {2, 1, 9, 33, 4}, {1, 40, 37, 8, 8}};
constexpr Upsampling kModes[] = {Upsampling::nearest, Upsampling::bilinear,
                                 Upsampling::bilinear_align_corners};

std::vector<float> upsample_on_host(const UpsampleCase& c, Upsampling mode, const std::vector<float>& maps) {
  std::vector<float> all;
  for (std::int64_t n = 0; n < c.batch; ++n) {
    const std::span one = std::span(maps).subspan(static_cast<std::size_t>(n * c.height * c.width),
                                                  static_cast<std::size_t>(c.height * c.width));
    const Tensor large = upsample(Tensor::from({c.height, c.width}, one), c.out_height, c.out_width, mode);
    all.insert(all.end(), large.values().begin(), large.values().end());
  }
  return all;
}

}  // namespace

TEST_CASE("upsample: CUDA equals the CPU bit for bit") {
  in_every_mode([] {
    Context device({Device::Kind::cuda}, 1);
    for (const UpsampleCase& c : kUpsampleCases) {
      CAPTURE(c.out_width);
      const std::vector<float> maps = awkward_values(c.batch * c.height * c.width, "cuda.upsample");
      for (const Upsampling mode : kModes) {
        CAPTURE(name_of(mode));
        const std::vector<float> expected = upsample_on_host(c, mode, maps);
        for (const std::int64_t offset : {0, 1}) {
          Guarded map(device, maps, offset), y(device, std::vector<float>(expected.size(), NAN), offset);
          cuda::upsample(device, {c.batch, c.height, c.width, c.out_height, c.out_width, mode}, map.data(),
                         y.data());
          CHECK(y.values() == expected);
        }
      }
    }
  });
}

TEST_CASE("upsample: bicubic and extents beyond an int are refused on CUDA") {
  const FreshDevice fresh;
  Context device({Device::Kind::cuda}, 1);
  CHECK_THROWS_AS(cuda::upsample(device, {1, 2, 2, 4, 4, Upsampling::bicubic}, nullptr, nullptr), Error);
  CHECK_THROWS_AS(cuda::upsample(device, {1, 2, 2, 4, 1LL << 31, Upsampling::bilinear}, nullptr, nullptr),
                  Error);
  CHECK_THROWS_AS(cuda::upsample(device, {1, 0, 2, 4, 4, Upsampling::bilinear}, nullptr, nullptr), Error);
  CHECK_THROWS_AS(cuda::upsample(device, {1LL << 40, 2, 2, 4, 4, Upsampling::bilinear}, nullptr, nullptr),
                  Error);
  cuda::upsample(device, {0, 2, 2, 4, 4, Upsampling::bilinear}, nullptr, nullptr);
  CHECK(device_report() == "");
}

TEST_CASE("upsample: bytes and operations follow from the equations") {
  CHECK(cuda::upsample_cost({2, 7, 7, 32, 16, Upsampling::bilinear}) == Cost{4 * 2 * (49 + 512), 9 * 1024});
  CHECK(cuda::upsample_cost({2, 7, 7, 32, 16, Upsampling::nearest}) == Cost{4 * 2 * (49 + 512), 0});
}
