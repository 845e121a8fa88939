// Hostile and broken files (tests/golden/make_malicious.py): each is refused for its own reason, soon, and
// small.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <ctime>
#include <nlohmann/json.hpp>

#include "support/sanitized.hpp"
#include "weights/checkpoint.hpp"
#include "weights/pickle.hpp"
#include "weights/support.hpp"

using namespace backlight;
using test::refusal;

namespace {

const std::filesystem::path kMaliciousFolder =
    std::filesystem::path(BACKLIGHT_SOURCE_DIR) / "tests/golden/malicious";

long allowed_kilobytes() { return (test::sanitized() ? 512 : 32) * 1024; }

long peak_kilobytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

std::string why_not(const std::string& pickle, const CheckpointLimits& limits = {}) {
  return refusal([&] {
    weights::ByteReader reader(std::as_bytes(std::span(pickle)), "the pickle");
    weights::unpickle(reader, limits);
  });
}

}  // namespace

TEST_CASE("hostile files: every one is refused for its own reason in little time and memory") {
  const auto cases = nlohmann::json::parse(std::ifstream(kMaliciousFolder / "expected.json"));
  CHECK(cases.size() > 150);
  const long before = peak_kilobytes();
  for (const auto& [name, words] : cases.items()) {
    CAPTURE(name);
    const std::clock_t start = std::clock();
    const std::string why = refusal([&] { Checkpoint::open(kMaliciousFolder / name); });
    CHECK(std::clock() - start <= CLOCKS_PER_SEC);
    CAPTURE(why);
    CHECK(why.find(name) != std::string::npos);
    for (const auto& word : words) CHECK(why.find(word.get<std::string>()) != std::string::npos);
    for (const char c : why) CHECK(static_cast<unsigned char>(c) >= 0x20);
  }
  CHECK(peak_kilobytes() - before <= allowed_kilobytes());
}

TEST_CASE("pickle: a stack memo or container that grows without end meets the budget") {
  CheckpointLimits limits;
  limits.pickle_nodes = 1000;
  limits.pickle_items = 5000;
  const std::string none = "N";
  const auto repeated = [](const std::string& what, int times) {
    std::string out;
    for (int i = 0; i < times; ++i) out += what;
    return out;
  };
  CHECK(why_not(repeated("N0", 999) + "N.", limits) == "");
  CHECK(why_not(repeated("N0", 1001) + "N.", limits).find("more than 1000 objects") != std::string::npos);
  CHECK(why_not(none + repeated("2", 6000) + ".", limits).find("more than 5000 items") != std::string::npos);
  CHECK(why_not(none + repeated("20", 6000) + ".", limits).find("more than 5000 items") != std::string::npos);
  CHECK(why_not(none + repeated("\x94", 6000) + ".", limits).find("more than 5000 items") !=
        std::string::npos);
  CHECK(why_not("N]" + repeated("Na", 2000) + ".", limits).find("more than") != std::string::npos);
  CHECK(why_not(std::string("]q\0", 3) + repeated(std::string("h\0a", 3), 300) + ".", limits)
            .find("nests deeper") != std::string::npos);
  CHECK(why_not(std::string("N0") + repeated("(", 6000) + ".", limits).find("more than 5000 items") !=
        std::string::npos);
  // Ten references to the tuple before: 10^60 leaves in 61 nodes, never unfolded.
  std::string laughs = "N";
  for (int i = 0; i < 60; ++i)
    laughs +=
        "\x94"
        "0(" +
        repeated(text("h", static_cast<char>(i)), 10) + "t";
  CHECK(why_not(laughs + ".", limits) == "");
}

TEST_CASE("pickle: an element put into a container is shared and not copied") {
  const std::string pickle(
      "](]q\0h\0N\x85"
      "e.",
      11);
  weights::ByteReader reader(std::as_bytes(std::span(pickle)), "the pickle");
  const weights::Pickle read = weights::unpickle(reader, {});
  const auto& items = read[read.root].items;
  REQUIRE(items.size() == 3);
  CHECK(items[0] == items[1]);
  CHECK(items[0] != items[2]);
}

static_assert(!std::is_copy_constructible_v<weights::Pickle> && !std::is_copy_assignable_v<weights::Pickle>);

TEST_CASE("pickle: names are the same after a move") {
  const std::string pickle = "cm\nName\n.";  // so short that it lies within a string object
  weights::ByteReader reader(std::as_bytes(std::span(pickle)), "the pickle");
  weights::Pickle first = weights::unpickle(reader, {});
  weights::Pickle second = std::move(first), third;
  third = std::move(second);
  CHECK(third[third.root].kind == weights::PickleKind::global);
  CHECK(third[third.root].text == "m.Name");
  CHECK(third.global_names.count(std::string(third[third.root].text)) == 1);
}

TEST_CASE("pickle: numbers of every opcode have their values") {
  const auto root = [](const std::string& pickle) {
    weights::ByteReader reader(std::as_bytes(std::span(pickle)), "the pickle");
    const weights::Pickle read = weights::unpickle(reader, {});
    return read[read.root].integer;
  };
  CHECK(root("K\xff.") == 255);
  CHECK(root("M\xff\xff.") == 65535);
  CHECK(root("J\xff\xff\xff\xff.") == -1);
  CHECK(root(std::string("\x8a\x00.", 3)) == 0);
  CHECK(root("\x8a\x01\xff.") == -1);
  CHECK(root(std::string("\x8a\x02\xff\x00.", 5)) == 255);
  CHECK(root("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f.") == std::numeric_limits<std::int64_t>::max());
  CHECK(root("I-7\n.") == -7);
  CHECK(root("I01\n.") == 1);
  CHECK(root("L12345678901L\n.") == 12345678901);
}
