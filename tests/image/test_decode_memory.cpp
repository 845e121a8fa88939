// What decoding leaves behind when memory is lacking.
#include <doctest/doctest.h>
#include <malloc.h>

#include <fstream>
#include <iterator>
#include <new>
#include <string>
#include <vector>

#include "engine/image/image.hpp"
#include "engine/image/write.hpp"
#include "image/files.hpp"
#include "support/sanitized.hpp"
#include "support/scarcity.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// A JPEG whose frame header says that it is larger.
Bytes large_jpeg(const std::string& path, int width, int height) {
  Bytes bytes = read_bytes(BACKLIGHT_SOURCE_DIR "/tests/" + path);
  for (std::size_t i = 2; i + 8 < bytes.size();) {  // from marker to marker
    if (bytes[i + 1] >= 0xC0 && bytes[i + 1] <= 0xC2) {
      bytes[i + 5] = static_cast<std::uint8_t>(height >> 8);
      bytes[i + 6] = static_cast<std::uint8_t>(height & 0xFF);
      bytes[i + 7] = static_cast<std::uint8_t>(width >> 8);
      bytes[i + 8] = static_cast<std::uint8_t>(width & 0xFF);
      return bytes;
    }
    i += 2 + (std::size_t{bytes[i + 2]} << 8 | bytes[i + 3]);
  }
  FAIL("no frame header");
  return {};
}

/// Pictures of 12 megapixels and more, of which libraries need memory of their own.
std::vector<std::pair<std::string, Bytes>> large_pictures() {
  constexpr int kWidth = 4000, kHeight = 3000;
  std::vector<std::pair<std::string, Bytes>> files;
  // Its pixels are more than malloc keeps in store for a thread.
  files.emplace_back("large.png", encode_png(Image(2 * kWidth, kHeight, 90)));

  Bytes jpeg = large_jpeg("golden/images/subsampled_progressive.jpg", kWidth, kHeight);
  Bytes comment(2 + 65'535, 1);  // without which the file would be too short for its size
  std::fill_n(comment.begin(), 4, std::uint8_t{0xFF});
  comment[1] = 0xFE;
  jpeg.insert(jpeg.begin() + 2, comment.begin(), comment.end());
  files.emplace_back("large.jpg", jpeg);

  Bytes gif = read_bytes(kGoldenPictures + "grey.gif");
  gif[6] = gif[7] = gif[8] = gif[9] = 12;  // 3084×3084
  gif.insert(gif.end(), 4000, 0);
  files.emplace_back("large.gif", gif);

  files.emplace_back("large.webp", read_bytes(kGoldenPictures + "large.webp"));

  // Its strip becomes what lies before the directory, and is as long as the picture needs.
  Bytes tiff = read_bytes(kGoldenPictures + "signed16.tif");
  const std::size_t directory = tiff[4] + 256 * tiff[5], strip = std::size_t{2} * kWidth * kHeight;
  const auto set = [&](std::size_t at, std::size_t value) {
    for (int i = 0; i < 4; ++i) tiff[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
  };
  const auto set_tag = [&](std::size_t entry, std::size_t value) { set(directory + 10 + 12 * entry, value); };
  set_tag(0, kWidth);
  set_tag(1, kHeight);
  set_tag(7, kHeight);
  set_tag(8, strip);
  set_tag(9, 1);  // without a sign
  set(4, directory + strip);
  tiff.insert(tiff.begin() + 8, strip, 90);
  files.emplace_back("large.tif", tiff);
  return files;
}

}  // namespace

TEST_CASE("decode: a JPEG for which there is not enough memory leaves nothing of it behind" *
          doctest::skip(test::sanitized())) {
  const Bytes jpeg = large_jpeg("images/explained.jpg", 20000, 4000);
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

TEST_CASE("decode: whatever amount of memory is lacking is told as that and not as a bad picture" *
          doctest::skip(test::sanitized())) {
  for (const auto& [name, file] : large_pictures()) {
    CAPTURE(name);
    int lacking = 0;
    std::string complaint;
    for (std::size_t megabytes = 0; megabytes < 400; megabytes += 4) {
      try {
        const Scarcity scarcity(megabytes << 20);
        decode_image(file, name);
        break;
      } catch (const std::bad_alloc&) {
        ++lacking;
      } catch (const Error& error) {
        if (error.kind() == ErrorKind::unsupported) break;  // without libwebp or libtiff
        complaint = error.what();
      }
    }
    CHECK(complaint == "");
    CHECK((lacking > 0 || name.ends_with("webp") || name.ends_with("tif")));
  }
}
