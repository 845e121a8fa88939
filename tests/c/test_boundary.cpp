// What becomes of exceptions and of structs of other versions between C++ and C.
#include <doctest/doctest.h>

#include <new>
#include <stdexcept>
#include <string>

#include "c/support.hpp"
#include "tools/c/boundary.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// A status and a message for whatever is thrown.
template <class Thrown>
bl_status status_of(const Thrown& thrown) {
  return c::guarded([&] { throw thrown; });
}

struct Bytes {
  std::size_t struct_size;
  std::int64_t known;
  std::int64_t newer;
};
/// As an older header has it.
struct OlderBytes {
  std::size_t struct_size;
  std::int64_t known;
};

}  // namespace

TEST_CASE("c boundary: every exception becomes a status and a message") {
  CHECK(status_of(Error(ErrorKind::bad_input, "the file is ", 3)) == BL_BAD_INPUT);
  CHECK(std::string(bl_last_error()) == "the file is 3");
  CHECK(status_of(Error(ErrorKind::internal, "x")) == BL_INTERNAL);
  CHECK(status_of(Error(ErrorKind::usage, "x")) == BL_USAGE);
  CHECK(status_of(Error(ErrorKind::unsupported, "x")) == BL_UNSUPPORTED);
  CHECK(status_of(Error(ErrorKind::resources, "x")) == BL_RESOURCES);
  CHECK(status_of(std::bad_alloc()) == BL_RESOURCES);
  CHECK(error_says("out of memory"));
  CHECK(status_of(std::logic_error("unexpected")) == BL_INTERNAL);
  CHECK(error_says("unexpected"));
  CHECK(status_of(42) == BL_INTERNAL);
  CHECK(error_says("unknown kind"));
  CHECK(c::guarded([] {}) == BL_OK);
  CHECK(std::string(bl_last_error()) == "");
}

TEST_CASE("c boundary: a long message is cut between characters") {
  CHECK(status_of(Error(ErrorKind::usage, std::string(2000, 'x'))) == BL_USAGE);
  CHECK(std::string(bl_last_error()) == std::string(1023, 'x'));
  std::string text(1022, 'x');
  CHECK(status_of(Error(ErrorKind::usage, text + "×")) == BL_USAGE);
  CHECK(std::string(bl_last_error()) == text);
  text.pop_back();
  CHECK(status_of(Error(ErrorKind::usage, text + "×")) == BL_USAGE);
  CHECK(std::string(bl_last_error()) == text + "×");
}

TEST_CASE("c boundary: a newer caller's struct is taken where what is newer in it is zero") {
  Bytes bytes{sizeof bytes, 5, 0};
  const auto* older = reinterpret_cast<const OlderBytes*>(&bytes);
  CHECK(c::taken(older, "bytes").known == 5);
  bytes.newer = 1;
  CHECK(c::guarded([&] { c::taken(older, "bytes"); }) == BL_UNSUPPORTED);
  CHECK(error_says("bytes sets members"));
}

TEST_CASE("c boundary: a newer caller's struct is filled with what is known and zeros") {
  Bytes bytes{sizeof bytes, 1, 2};
  c::give(OlderBytes{0, 7}, reinterpret_cast<OlderBytes*>(&bytes), "bytes");
  CHECK(bytes.struct_size == sizeof bytes);
  CHECK(bytes.known == 7);
  CHECK(bytes.newer == 0);
}

TEST_CASE("c boundary: a size that no version of a struct has is refused") {
  for (const std::size_t size :
       {std::size_t{0}, sizeof(OlderBytes) - 8, sizeof(OlderBytes) + 1, std::size_t{4104}, ~std::size_t{0}}) {
    CAPTURE(size);
    OlderBytes bytes{size, 5};
    CHECK(c::guarded([&] { c::taken(&bytes, "bytes"); }) == BL_USAGE);
    CHECK(error_says("bytes->struct_size is " + std::to_string(size)));
    CHECK(c::guarded([&] { c::give(OlderBytes{}, &bytes, "bytes"); }) == BL_USAGE);
    CHECK(bytes.known == 5);
  }
  CHECK(c::guarded([] { c::taken<OlderBytes>(nullptr, "bytes"); }) == BL_USAGE);
  CHECK(error_says("bytes is NULL"));
}
