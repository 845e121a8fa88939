#include <doctest/doctest.h>

#include "weights/sha256.hpp"

using namespace backlight;

namespace {

/// By both codes, which must agree.
std::string hash(const std::string& text) {
  Sha256 portable(Sha256Code::portable);
  portable.update(std::as_bytes(std::span(text)));
  const std::string hex = portable.hex();
  CHECK(sha256_hex(std::as_bytes(std::span(text))) == hex);
  return hex;
}

}  // namespace

TEST_CASE("sha256: the examples of FIPS 180 come out right") {
  CHECK(hash("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hash("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(hash(std::string(1'000'000, 'a')) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("sha256: pieces of any size give the hash of the whole") {
  std::string text;
  for (int i = 0; i < 300; ++i) text += static_cast<char>(i * 7);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    Sha256 pieces;
    const auto bytes = std::as_bytes(std::span(text));
    pieces.update(bytes.first(cut));
    pieces.update(bytes.subspan(cut));
    CHECK(pieces.hex() == hash(text));
  }
}
