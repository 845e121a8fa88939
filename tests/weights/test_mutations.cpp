// Real small files, cut short at every byte and with bytes changed at random: a reader throws Error or
// succeeds, and does nothing else. Run it under AddressSanitizer too (preset asan).
#include <doctest/doctest.h>

#include <array>

#include "engine/core/random.hpp"
#include "weights/checkpoint.hpp"
#include "weights/support.hpp"

using namespace backlight;
using test::golden_file;

namespace {

constexpr std::array<const char*, 10> kFiles = {
    "zip_layouts.pth",      "zip_deflated.pth",   "training.pth",
    "zip_big_endian.pth",   "legacy_layouts.pth", "legacy_views.pth",
    "legacy_protocol4.pth", "plain.safetensors",  "tar.pth",
    "numpy_protocol2.pth"};

/// Opens a checkpoint and reads every tensor; what an Error says, empty where all went well. Anything but an
/// Error ends the test.
template <class Open>
std::string why_unreadable(Open open) {
  try {
    const Checkpoint checkpoint = open();
    for (const StoredTensor& tensor : checkpoint.tensors()) {
      if (tensor.shape().size() <= static_cast<std::size_t>(Shape::kMaxRank)) tensor.to_f32();
      tensor.to_bytes();
    }
    return {};
  } catch (const Error& error) {
    CHECK(std::string(error.what()).size() > 0);
    return error.what();
  }
}

/// Whether the bytes can be read, as a file and in memory alike.
bool readable(const std::filesystem::path& path, const std::string& content) {
  test::write_file(path, content);
  const std::string why = why_unreadable([&] { return Checkpoint::open(path); });
  const std::vector<std::byte> bytes = test::in_memory(content);
  CHECK(why_unreadable([&] { return Checkpoint::open(bytes, path); }) == why);
  return why.empty();
}

}  // namespace

TEST_CASE("mutations: a file cut short at any byte is refused") {
  const test::TemporaryFolder folder;
  const auto path = folder.path() / "cut";
  for (const char* name : kFiles) {
    CAPTURE(name);
    const std::string whole = test::read_file(golden_file(name));
    REQUIRE(readable(path, whole));
    // A tar archive ends with empty blocks, which may be missing.
    const std::size_t needed =
        std::string(name) == "tar.pth" ? whole.find_last_not_of('\0') : whole.size() - 1;
    std::size_t accepted = 0;
    for (std::size_t size = 0; size <= needed; ++size) accepted += readable(path, whole.substr(0, size));
    CHECK(accepted == 0);
  }
}

TEST_CASE("mutations: changed bytes are read or refused but never crash the reader") {
  const test::TemporaryFolder folder;
  const auto path = folder.path() / "changed";
  constexpr int kRounds = 2000;
  for (const char* name : kFiles) {
    CAPTURE(name);
    const std::string whole = test::read_file(golden_file(name));
    int refused = 0;
    for (int round = 0; round < kRounds; ++round) {
      std::string changed = whole;
      const std::uint64_t seed = static_cast<std::uint64_t>(round) << 8;
      const int changes = 1 + round % 4;
      for (int i = 0; i < changes; ++i) {
        const std::uint64_t bits = random_bits(seed, static_cast<std::uint64_t>(i));
        // Half of the changes are to lengths and opcodes rather than to payload: extreme bytes.
        const char value = bits >> 60 & 1 ? static_cast<char>(bits >> 50) : bits >> 61 & 1 ? '\xff' : '\0';
        changed[(bits & 0xffffffff) % changed.size()] = value;
      }
      if (round % 7 == 0) changed.erase((random_bits(seed, 9) & 0xffffffff) % changed.size(), 1 + round % 5);
      refused += !readable(path, changed);
    }
    CHECK(refused > 0);
  }
}
