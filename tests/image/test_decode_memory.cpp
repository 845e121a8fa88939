// What decoding leaves behind when memory is lacking.
#include <doctest/doctest.h>
#include <malloc.h>

#include <fstream>
#include <iterator>
#include <new>
#include <string>
#include <vector>

#include "engine/image/image.hpp"
#include "image/scarcity.hpp"

using namespace backlight;
using namespace backlight::test;

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which reserve more than any limit
namespace {

/// A JPEG whose frame header says 20000×4000.
std::vector<std::uint8_t> large_jpeg() {
  std::ifstream file(BACKLIGHT_SOURCE_DIR "/tests/images/explained.jpg", std::ios::binary);
  std::vector<std::uint8_t> bytes(std::istreambuf_iterator<char>(file), {});
  for (std::size_t i = 2; i + 8 < bytes.size();) {  // from marker to marker
    if (bytes[i + 1] >= 0xC0 && bytes[i + 1] <= 0xC2) {
      const std::uint16_t height = 4000, width = 20000;
      bytes[i + 5] = height >> 8;
      bytes[i + 6] = height & 0xFF;
      bytes[i + 7] = width >> 8;
      bytes[i + 8] = width & 0xFF;
      return bytes;
    }
    i += 2 + (std::size_t{bytes[i + 2]} << 8 | bytes[i + 3]);
  }
  FAIL("no frame header");
  return {};
}

}  // namespace

TEST_CASE("decode: a JPEG for which there is not enough memory leaves nothing of it behind") {
  const std::vector<std::uint8_t> jpeg = large_jpeg();
  const auto fail_once = [&] {
    const Scarcity scarcity(std::size_t{100} << 20);  // the pixels alone are 240 MB
    CHECK_THROWS_AS(decode_image(jpeg, "large.jpg"), std::bad_alloc);
  };
  fail_once();
  const std::size_t before = mallinfo2().uordblks;
  for (int i = 0; i < 20; ++i) fail_once();
  const std::size_t after = mallinfo2().uordblks;
  CHECK(after <= before + 4096);
}
#endif
