#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "engine/image/write.hpp"
#include "image/folder.hpp"
#include "image/pictures.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

using Bytes = std::vector<std::uint8_t>;

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

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("damage: a JPEG whose data end early is read with the first bad row in a warning") {
  const Bytes whole = jpeg();
  const Image complete = decode_image(whole, "a.jpg");
  CHECK(complete.provenance.warnings.empty());
  Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(whole.size() / 2));
  cut.insert(cut.end(), {0xFF, 0xD9});
  const Image image = decode_image(cut, "a.jpg");
  REQUIRE(image.provenance.warnings.size() == 1);
  const std::string& warning = image.provenance.warnings[0];
  CHECK(contains(warning, "premature end"));
  const int row = number_after(warning, "from row ");
  CHECK(row > 50);
  CHECK(row < 150);
  const auto rows_equal = [&](int begin, int end) {
    return std::equal(image.at(0, begin), image.at(0, begin) + (end - begin) * 64 * 3, complete.at(0, begin));
  };
  CHECK(rows_equal(0, row));
  CHECK_FALSE(rows_equal(row, row + 8));
}

TEST_CASE("damage: a JPEG cut within its pixels is refused with the row") {
  const Bytes whole = jpeg();
  const std::string message = [&]() -> std::string {
    try {
      decode_image(std::span(whole).first(whole.size() / 2), "cut.jpg");
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }();
  CHECK(contains(message, "cut.jpg: the JPEG ends within its pixels"));
  CHECK(number_after(message, "at row ") > 50);
}

TEST_CASE("damage: a JPEG without its last two bytes is whole and has a warning") {
  const Bytes whole = jpeg();
  const Image image = decode_image(std::span(whole).first(whole.size() - 2), "a.jpg");
  CHECK(image.rgb == decode_image(whole, "a.jpg").rgb);
  REQUIRE(image.provenance.warnings.size() == 1);
  CHECK(contains(image.provenance.warnings[0], "after its last row"));
}

TEST_CASE("damage: bytes that do not belong into a JPEG are told") {
  Bytes bytes = jpeg();
  bytes.insert(bytes.end() - 2, {1, 2, 3, 4, 5, 6, 7, 8});
  const Image image = decode_image(bytes, "a.jpg");
  REQUIRE(image.provenance.warnings.size() == 1);
  CHECK(contains(image.provenance.warnings[0], "extraneous bytes"));
}

TEST_CASE("reading: loops of links and long names are told as what they are") {
  const Folder folder;
  REQUIRE(symlink(folder.file("b").c_str(), folder.file("a").c_str()) == 0);
  REQUIRE(symlink(folder.file("a").c_str(), folder.file("b").c_str()) == 0);
  CHECK(contains(error_of(folder.file("a")), "symbolic links"));
  CHECK(contains(error_of(folder.file(std::string(300, 'n').c_str())), "too long"));
  CHECK(contains(error_of(""), "cannot be opened"));
}

TEST_CASE("reading: pipes give the picture and one without a writer ends in an error") {
  const Folder folder;
  const std::string pipe = folder.file("pipe");
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
  const Folder folder;
  CHECK(contains(error_of("/dev/zero"), "is not a picture"));
  CHECK(contains(error_of("/dev/null"), "is empty"));
  CHECK(contains(error_of(folder.path.string()), "is a directory"));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, folder.file("socket").c_str(), sizeof address.sun_path - 1);
  const int socket_descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(bind(socket_descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  CHECK(contains(error_of(folder.file("socket")), "is a socket"));
  close(socket_descriptor);
}
