#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>
#include <iterator>
#include <thread>

#include "engine/image/write.hpp"
#include "image/files.hpp"
#include "image/pictures.hpp"
#include "support/temporary_folder.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// A JPEG of 25 rows of blocks.
Bytes jpeg() { return encode_jpeg(picture("damage", 64, 200)); }

/// The number that follows `before` in the text; −1 where it is not there.
int number_after(const std::string& text, const std::string& before) {
  const std::size_t at = text.find(before);
  return at == std::string::npos ? -1 : std::atoi(text.c_str() + at + before.size());
}

std::string error_of(const std::string& path) {
  try {
    read_image(path);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::bad_input);
    return error.what();
  }
  return "read";
}

std::string error_of_decoding(std::span<const std::uint8_t> bytes) {
  try {
    decode_image(bytes, "cut.jpg");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::bad_input);
    return error.what();
  }
  return "decoded";
}

/// A JPEG in parts that begin with a marker, each scan with its data and the restart markers in it.
std::vector<Bytes> parts_of(const Bytes& jpeg) {
  std::vector<Bytes> parts;
  for (std::size_t begin = 0, end = 2; begin < jpeg.size(); begin = end) {
    end = begin + 2;
    const std::uint8_t marker = jpeg[begin + 1];
    if (marker != 0xD8 && marker != 0xD9) end += 256 * jpeg[end] + jpeg[end + 1];
    if (marker == 0xDA)
      while (jpeg[end] != 0xFF || jpeg[end + 1] == 0 || (jpeg[end + 1] & 0xF8) == 0xD0) ++end;
    parts.emplace_back(jpeg.begin() + static_cast<std::ptrdiff_t>(begin),
                       jpeg.begin() + static_cast<std::ptrdiff_t>(end));
  }
  return parts;
}

bool is_scan(const Bytes& part) { return part[1] == 0xDA; }

/// How many bytes lie before the first scan.
std::size_t header_bytes(const Bytes& jpeg) {
  std::size_t bytes = 0;
  for (const Bytes& part : parts_of(jpeg)) {
    if (is_scan(part)) return bytes;
    bytes += part.size();
  }
  return bytes;
}

Bytes joined(const std::vector<Bytes>& parts) {
  Bytes jpeg;
  for (const Bytes& part : parts) jpeg.insert(jpeg.end(), part.begin(), part.end());
  return jpeg;
}

/// The first row in which two pictures of a size differ; their height where none does.
int first_difference(const Image& a, const Image& b) {
  const auto at = std::ranges::mismatch(a.rgb, b.rgb).in1 - a.rgb.begin();
  return static_cast<int>(at / (3 * a.width));
}

}  // namespace

TEST_CASE("damage: a JPEG whose data end early is read and no row before the one that is told is wrong") {
  for (const Bytes& whole : {jpeg(), read_bytes(kGoldenPictures + "subsampled.jpg")}) {
    const Image complete = decode_image(whole, "a.jpg");
    CHECK(complete.provenance.warnings.empty());
    for (const int percent : {50, 60, 70, 80, 90}) {
      Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(whole.size() * percent / 100));
      cut.insert(cut.end(), {0xFF, 0xD9});
      const Image image = decode_image(cut, "a.jpg");
      REQUIRE(image.provenance.warnings.size() == 1);
      CHECK(contains(image.provenance.warnings[0], "premature end"));
      const int row = number_after(image.provenance.warnings[0], "the JPEG is damaged from row ");
      CHECK(row > 0);
      CHECK(row <= first_difference(image, complete));
      CHECK(row + 16 > first_difference(image, complete));
    }
  }
}

TEST_CASE("damage: of several faults the first row is told, also where a later scan has it") {
  const std::vector<Bytes> parts = parts_of(read_bytes(kGoldenPictures + "subsampled_progressive.jpg"));
  const Image complete = decode_image(joined(parts), "a.jpg");
  std::vector<std::size_t> scans;
  for (std::size_t i = 0; i < parts.size(); ++i)
    if (is_scan(parts[i])) scans.push_back(i);
  REQUIRE(scans.size() > 5);
  const auto shortened = [&](std::initializer_list<std::pair<std::size_t, std::size_t>> cuts) {
    std::vector<Bytes> broken = parts;
    for (const auto& [scan, percent] : cuts) {
      Bytes& part = broken[scans[scan]];
      part.resize(part.size() * percent / 100);
    }
    return decode_image(joined(broken), "a.jpg");
  };
  const auto row_of = [&](const Image& image) {
    REQUIRE(image.provenance.warnings.size() == 1);
    const int row = number_after(image.provenance.warnings[0], "from row ");
    CHECK(row >= 0);
    CHECK(row <= first_difference(image, complete));
    return row;
  };
  const Image one = shortened({{0, 90}}), two = shortened({{0, 90}, {9, 50}}),
              three = shortened({{0, 90}, {5, 70}, {9, 50}});
  CHECK(row_of(two) < row_of(one));
  CHECK(row_of(three) <= row_of(two));
  CHECK_FALSE(contains(one.provenance.warnings[0], "more fault"));
  CHECK(two.provenance.warnings[0].ends_with("; and 1 more fault"));
  CHECK(three.provenance.warnings[0].ends_with("; and 2 more faults"));
}

TEST_CASE("damage: a progressive JPEG without its last scans is unfinished") {
  std::vector<Bytes> parts = parts_of(read_bytes(kGoldenPictures + "subsampled_progressive.jpg"));
  while (!is_scan(parts.back())) parts.pop_back();
  parts.pop_back();
  for (const bool ended : {false, true}) {
    if (ended) parts.push_back({0xFF, 0xD9});
    const Image image = decode_image(joined(parts), "a.jpg");
    REQUIRE(image.provenance.warnings.size() == 1);
    CHECK(contains(image.provenance.warnings[0], "the JPEG is unfinished: scans are missing"));
  }
}

TEST_CASE("damage: a JPEG of which a colour has no scan is unfinished") {
  // Three colours of the one that a grey JPEG has, each with a scan of its own.
  std::vector<Bytes> parts = parts_of(read_bytes(kGoldenPictures + "grey.jpg"));
  const auto frame = std::ranges::find_if(parts, [](const Bytes& part) { return part[1] == 0xC0; });
  const auto scan = std::ranges::find_if(parts, is_scan);
  REQUIRE(frame != parts.end());
  REQUIRE(scan != parts.end());
  const Bytes component(frame->end() - 3, frame->end()), grey = *scan;
  (*frame)[3] = 8 + 3 * 3;
  (*frame)[9] = 3;
  constexpr std::array<std::uint8_t, 2> kOthers = {2, 3};
  for (const std::uint8_t id : kOthers) frame->insert(frame->end(), {id, component[1], component[2]});
  for (const std::uint8_t id : kOthers) parts.insert(parts.end() - 1, grey)->at(5) = id;
  CHECK(decode_image(joined(parts), "a.jpg").provenance.warnings.empty());
  parts.erase(parts.end() - 2);
  const Image image = decode_image(joined(parts), "a.jpg");
  REQUIRE(image.provenance.warnings.size() == 1);
  CHECK(contains(image.provenance.warnings[0], "the JPEG is unfinished: scans are missing"));
}

TEST_CASE("damage: a JPEG cut within its pixels is read with a warning of the row from which it is grey") {
  const std::pair<Bytes, int> cases[] = {{jpeg(), 128},
                                         {read_bytes(kGoldenPictures + "subsampled.jpg"), 128},
                                         {read_bytes(kGoldenPictures + "restart.jpg"), 128},
                                         {read_bytes(kGoldenPictures + "cmyk.jpg"), 64},
                                         {read_bytes(kGoldenPictures + "grey.jpg"), 128}};
  for (const auto& [whole, grey] : cases) {
    const Image complete = decode_image(whole, "a.jpg");
    const std::size_t begin = header_bytes(whole) + 20, data = whole.size() - begin;
    for (const int percent : {70, 85}) {
      const Image image = decode_image(std::span(whole).first(begin + data * percent / 100), "a.jpg");
      REQUIRE(image.provenance.warnings.size() == 1);
      CAPTURE(image.provenance.warnings[0]);
      const int row = number_after(image.provenance.warnings[0], "its data end in row ");
      CHECK(row > 0);
      CHECK(row == number_after(image.provenance.warnings[0], "the JPEG is damaged from row "));
      CHECK(row <= first_difference(image, complete));
      CHECK(contains(image.provenance.warnings[0], "what is missing from there on is grey"));
      CHECK(std::ranges::equal(std::span(image.rgb).last(3), std::array{grey, grey, grey}));
    }
  }
}

TEST_CASE("damage: a JPEG that ends before it has a row of pixels is refused") {
  for (const Bytes& whole : {jpeg(), read_bytes(kGoldenPictures + "subsampled_progressive.jpg")}) {
    Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(header_bytes(whole) + 20));
    CHECK(contains(error_of_decoding(cut), "cut.jpg: the JPEG ends within its first rows of pixels"));
    cut.insert(cut.end(), {0xFF, 0xD9});
    CHECK(contains(error_of_decoding(cut), "cut.jpg: the JPEG ends within its first rows of pixels"));
  }
}

TEST_CASE("damage: a progressive JPEG cut within a scan that refines the picture is coarser and not grey") {
  const Bytes whole = read_bytes(kGoldenPictures + "subsampled_progressive.jpg");
  const Image image = decode_image(std::span(whole).first(whole.size() - 300), "a.jpg");
  REQUIRE(image.provenance.warnings.size() >= 1);
  CHECK(contains(image.provenance.warnings.back(), "the JPEG is damaged from row "));
  for (const std::string& warning : image.provenance.warnings) CHECK_FALSE(contains(warning, "grey"));
}

TEST_CASE("damage: a JPEG without its last two bytes is whole and has a warning") {
  const Bytes whole = jpeg();
  const Image image = decode_image(std::span(whole).first(whole.size() - 2), "a.jpg");
  CHECK(image.rgb == decode_image(whole, "a.jpg").rgb);
  REQUIRE(image.provenance.warnings.size() == 1);
  CHECK(contains(image.provenance.warnings[0], "after its last row; the pixels are there"));
}

TEST_CASE("damage: what is odd in a JPEG's header is not said of its pixels") {
  std::vector<Bytes> parts = parts_of(jpeg());
  REQUIRE(parts[1][1] == 0xE0);  // JFIF, which would go before it
  parts[1] = {0xFF, 0xEE, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 2};  // YCCK, of three colours
  const Image image = decode_image(joined(parts), "a.jpg");
  CHECK(image.rgb == decode_image(jpeg(), "a.jpg").rgb);
  REQUIRE(image.provenance.warnings.size() == 1);
  CHECK(contains(image.provenance.warnings[0], "the JPEG is damaged in its header: "));
}

TEST_CASE("damage: bytes left over behind a JPEG's pixels throw doubt on all of them") {
  Bytes bytes = jpeg();
  bytes.insert(bytes.end() - 2, {1, 2, 3, 4, 5, 6, 7, 8});
  const Image image = decode_image(bytes, "a.jpg");
  REQUIRE(image.provenance.warnings.size() == 1);
  CHECK(contains(image.provenance.warnings[0], "the JPEG is damaged somewhere in its pixels: "));
  CHECK(contains(image.provenance.warnings[0], "extraneous bytes"));
}

TEST_CASE("reading: loops of links and long names are told as what they are") {
  const TemporaryFolder folder;
  REQUIRE(symlink((folder.path() / "b").string().c_str(), (folder.path() / "a").string().c_str()) == 0);
  REQUIRE(symlink((folder.path() / "a").string().c_str(), (folder.path() / "b").string().c_str()) == 0);
  CHECK(contains(error_of((folder.path() / "a").string()), "symbolic links"));
  CHECK(contains(error_of((folder.path() / std::string(300, 'n')).string()), "too long"));
  CHECK(contains(error_of(""), "cannot be opened"));
}

TEST_CASE("reading: pipes give the picture and one without a writer ends in an error") {
  const TemporaryFolder folder;
  const std::string pipe = (folder.path() / "pipe").string();
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(contains(error_of(pipe), "a pipe that nobody writes into"));

  const Image expected = picture("piped", 90, 70);
  const Bytes file = encode_png(expected);
  std::thread writer([&] {
    const int descriptor = open(pipe.c_str(), O_WRONLY);
    for (std::size_t at = 0; at < file.size(); at += 1000) {
      const ssize_t count =
          write(descriptor, file.data() + at, std::min<std::size_t>(1000, file.size() - at));
      static_cast<void>(count);
    }
    close(descriptor);
  });
  CHECK(read_image(pipe).rgb == expected.rgb);
  writer.join();
}

TEST_CASE("reading: endless devices and sockets and folders are refused at once") {
  const TemporaryFolder folder;
  CHECK(contains(error_of("/dev/zero"), "is not a picture"));
  CHECK(contains(error_of("/dev/null"), "is empty"));
  CHECK(contains(error_of(folder.path().string()), "is a directory"));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (folder.path() / "socket").string().c_str(), sizeof address.sun_path - 1);
  const int socket_descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(bind(socket_descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  CHECK(contains(error_of((folder.path() / "socket").string()), "is a socket"));
  close(socket_descriptor);
}
