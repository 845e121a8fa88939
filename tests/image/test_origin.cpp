#include <doctest/doctest.h>

#include <fstream>
#include <iterator>

#include "engine/image/origin.hpp"
#include "engine/image/write.hpp"
#include "image/pictures.hpp"
#include "support/temporary_folder.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

std::string written(const TemporaryFolder& folder, const std::string& bytes) {
  const std::string path = (folder.path() / "picture").string();
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

std::string png(std::span<const PictureText> texts) {
  const auto bytes = encode_png(picture("origin", 9, 7), texts);
  return {bytes.begin(), bytes.end()};
}

std::string jpeg(std::span<const PictureText> texts) {
  const auto bytes = encode_jpeg(picture("origin", 9, 7), texts);
  return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("origin: pictures that carry backlight's facts are known") {
  const TemporaryFolder folder;
  const PictureText facts[] = {{"Software", "backlight 1"}, {"backlight", "{}"}};
  CHECK(is_written_by_backlight(written(folder, png(facts))));
  const PictureText described[] = {{"Software", "backlight 1"},
                                   {"backlight", "{\n  \"backlight_version\": \"1\"}"}};
  CHECK(is_written_by_backlight(written(folder, jpeg(described))));
}

TEST_CASE("origin: the facts are read as they were written, however long") {
  const TemporaryFolder folder;
  for (const std::size_t length : {0u, 65'000u, 65'500u, 140'000u}) {
    const std::string facts = "{\"backlight_version\": \"" + std::string(length, '1') + "\"}";
    const PictureText texts[] = {{"Software", "backlight 1"}, {"backlight", facts}};
    CHECK(backlight_facts(written(folder, png(texts))) == facts);
    CHECK(backlight_facts(written(folder, jpeg(texts))) == facts);
  }
}

TEST_CASE("origin: other pictures are not taken for backlight's") {
  const TemporaryFolder folder;
  const PictureText others[] = {{"Software", "backlight 1"}, {"backlights", "{}"}, {"Title", "backlight"}};
  CHECK_FALSE(is_written_by_backlight(written(folder, png(others))));
  CHECK_FALSE(is_written_by_backlight(written(folder, png({}))));
  CHECK_FALSE(is_written_by_backlight(written(folder, jpeg(others))));
  CHECK_FALSE(is_written_by_backlight(written(folder, jpeg({}))));
  CHECK_FALSE(is_written_by_backlight(written(folder, "backlight_version")));
  CHECK_FALSE(is_written_by_backlight((folder.path() / "missing").string()));
}

TEST_CASE("origin: a file cut anywhere is read without harm") {
  const TemporaryFolder folder;
  const PictureText facts[] = {{"backlight", "{\"backlight_version\": 1}"}};
  for (const std::string& whole : {png(facts), jpeg(facts)})
    for (std::size_t length = 0; length < 60; ++length)
      is_written_by_backlight(written(folder, whole.substr(0, length)));
  // A length beyond the file's end.
  CHECK_FALSE(
      is_written_by_backlight(written(folder, std::string("\x89PNG\r\n\x1A\n\xFF\xFF\xFF\xFFtEXtab", 18))));
}
