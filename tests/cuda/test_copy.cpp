// Copying rows on CUDA against the CPU, bit for bit.
#include "arrays.hpp"
#include "kernels/copy/copy.hpp"
#include "modes.hpp"
#include "sentinel.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

struct CopyCase {
  CopyParams params;
  std::int64_t offset = 0;  ///< floats between a multiple of 256 bytes and the arrays
};

/// One row; rows without gaps; vectors and what is no vector for its count, either stride, or the arrays'
/// start; more than a block's 4096 floats, and a tail of its last block.
constexpr CopyCase kCopyCases[] = {
    {{1, 13, 0, 0}}, {{5, 7, 7, 7}},  {{3, 8, 8, 20}},  {{3, 8, 12, 8}},         {{2, 8, 12, 16}, 1},
    {{3, 7, 8, 12}}, {{3, 8, 9, 12}}, {{3, 8, 12, 11}}, {{2, 4100, 4104, 4200}}, {{2, 1030, 1031, 1030}},
    {{4, 1, 2, 3}},  {{0, 5, 5, 7}},  {{3, 0, 4, 4}},
};

}  // namespace

TEST_CASE("copy rows: CUDA equals the CPU and leaves the gaps alone") {
  in_every_mode([] {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    for (const auto& [p, offset] : kCopyCases) {
      CAPTURE(p.count);
      CAPTURE(p.x_stride);
      CAPTURE(p.y_stride);
      const std::int64_t rows = std::max<std::int64_t>(p.rows, 1);
      const std::vector<float> x = awkward_values((rows - 1) * p.x_stride + p.count, "cuda.copy.x");
      const std::vector<float> before(static_cast<std::size_t>((rows - 1) * p.y_stride + p.count), -3.0f);
      std::vector<float> expected = before;
      cpu::copy_rows(host, p, x.data(), expected.data());
      for (const std::int64_t shift : {0, 1}) {  // of y alone
        Guarded device_x(device, x, offset), device_y(device, before, offset + shift);
        cuda::copy_rows(device, p, device_x.data(), device_y.data());
        check_exact(device_y.values(), expected);
      }
    }
  });
}

TEST_CASE("copy rows: more rows than a grid has blocks are refused") {
  const FreshDevice fresh;
  Context device({Device::Kind::cuda}, 1);
  Guarded x(device, {1.0f}), y(device, {2.0f});
  CHECK_THROWS_WITH_AS(cuda::copy_rows(device, {std::int64_t{1} << 31, 1, 2, 2}, x.data(), y.data()),
                       "[copy_rows] 2147483648 items are too many for one kernel", Error);
}

TEST_CASE("copy rows: the cost counts both arrays") {
  CHECK(cuda::copy_rows_cost({3, 5, 8, 8}) == Cost{120, 0});
}
