#include <doctest/doctest.h>

#include <fstream>

#include "engine/core/error.hpp"
#include "models/language/vocabulary.hpp"
#include "support/contains.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"

using namespace backlight;
using namespace backlight::language;
using backlight::test::refusal;

namespace {

using Texts = std::vector<std::string>;
using Tokens = std::vector<std::int32_t>;

Vocabulary small_vocabulary(const SpecialIds& special = {}) {
  return {{"<pad>", "<start>", "a", "red", "star", "above", "ring"}, {"yes", "no", "Grün"}, special, 5};
}

}  // namespace

TEST_CASE("vocabulary: a text becomes tokens in any case, without punctuation, and tokens become its words") {
  const Vocabulary words = small_vocabulary();
  CHECK(words.encode("A RED  star,\tabove!") == Tokens{2, 3, 4, 5});
  CHECK(words.encode("re-d") == Tokens{3});
  CHECK(words.decode(Tokens{1, 2, 3, 4, 0, 6}) == "a red star");
  CHECK(words.decode({}).empty());
  CHECK(words.answer("NO") == 1);
  CHECK(words.answer("Grün") == 2);
  CHECK_THROWS_AS(words.decode(Tokens{2, 7}), Error);
  CHECK_THROWS_AS(words.decode(Tokens{-1}), Error);
}

TEST_CASE("vocabulary: punctuation that is a word is read as one, whether it stands apart or not") {
  const Vocabulary words = {{"<pad>", "what", "is", "?", "'s", "t-shirt", "star", ",", "stars"}, {}, {0, 0, 0}, 9};
  CHECK(words.encode("What is, STAR?") == Tokens{1, 2, 7, 6, 3});
  CHECK(words.encode("what 's t-shirt ?") == Tokens{1, 4, 5, 3});
  CHECK(words.encode("star's; (stars)!") == Tokens{8, 8});
  CHECK(words.encode("star,star") == Tokens{6, 7, 6});
}

TEST_CASE(
    "vocabulary: an unknown word or answer is an error with near matches, as are empty and overlong texts") {
  const Vocabulary words = small_vocabulary();
  const auto refused = [&](const std::string& text) { return refusal([&] { words.encode(text); }); };
  CHECK(refused("a red stra") == "the network does not know the word \"stra\" (did you mean \"star\"?)");
  CHECK(refused("start") == "the network does not know the word \"start\" (did you mean \"star\"?)");
  CHECK(refused(" ?! ") == "\" ?! \" has no words");
  CHECK(refused("a a a a a a") ==
        "\"a a a a a a\" has more than 5 words, which is all that the network takes");
  CHECK(words.encode("a a a a a").size() == 5);
  CHECK(refusal([&] { words.answer("nq"); }) ==
        "the network does not know the answer \"nq\" (did you mean \"no\"?)");
}

TEST_CASE("vocabulary: special tokens cannot be said; unknown words become one where that is asked for") {
  const Vocabulary words = {{"pad", "start", "end", "unk", "cat"}, {}, {0, 1, 2, 3}, 9};
  for (const char* special : {"pad", "start", "end", "unk", "dog"}) {
    CHECK_THROWS_AS(words.encode(special), Error);
    CHECK(words.encode(special, UnknownWords::as_unknown) == Tokens{3});
  }
  CHECK(words.decode(Tokens{1, 4, 3, 2, 4}) == "cat unk");
  CHECK_THROWS_AS(small_vocabulary().encode("dog", UnknownWords::as_unknown), Error);
}

TEST_CASE("vocabulary: what cannot be one is refused") {
  const auto refused = [](const Texts& words, const Texts& answers, const SpecialIds& special,
                          std::int64_t length) {
    return refusal([&] { Vocabulary(words, answers, special, length, "net"); });
  };
  CHECK(refused({}, {}, {}, 3) == "net: the special id 0 is none of 0 words");
  CHECK(refused({"a", "b", "a"}, {}, {}, 3) == "net: the words 0 and 2 are both \"a\"");
  CHECK(refused({"a", ""}, {}, {}, 3) == "net: the word 1 is empty");
  CHECK(refused({"a", "b"}, {"c", "c"}, {}, 3) == "net: the answers 0 and 1 are both \"c\"");
  CHECK(refused({"a", "\xff"}, {}, {}, 3) == "net: not every word is UTF-8");
  CHECK(refused({"a", "b"}, {}, {.end = 2}, 3) == "net: the special id 2 is none of 2 words");
  CHECK(refused({"a", "b"}, {}, {.unknown = -1}, 3) == "net: the special id -1 is none of 2 words");
  CHECK(refused({"a", "b"}, {}, {}, 0).starts_with("net: the longest text has 0 tokens"));
}

TEST_CASE("vocabulary: metadata brings it back; metadata that does not fit is refused by its key") {
  for (const SpecialIds& special : {SpecialIds{}, SpecialIds{0, 1, 2, 3}}) {
    const Vocabulary words = small_vocabulary(special);
    CHECK(Vocabulary::from_metadata("net", words.metadata(), {7, 3}) == words);
  }
  const Vocabulary captions({"<end>", "<start>", "a"}, {}, {}, 3);
  CHECK(!captions.metadata().contains("answers"));
  CHECK(Vocabulary::from_metadata("net", captions.metadata(), {3, 0}) == captions);

  const auto with = [&](const std::string& key, const std::string& value, VocabularySizes sizes = {7, 3}) {
    auto metadata = small_vocabulary().metadata();
    if (value.empty())
      metadata.erase(key);
    else
      metadata[key] = value;
    return refusal([&] { Vocabulary::from_metadata("net", metadata, sizes); });
  };
  CHECK(with("max_length", "5", {8, 3}) == "net: metadata 'vocabulary' has 7 entries, the network has 8");
  CHECK(with("max_length", "5", {7, 2}) == "net: metadata 'answers' has 3 entries, the network has 2");
  CHECK(with("max_length", "5", {7, 0}) == "net: metadata 'answers' has 3 entries, the network has 0");
  CHECK(with("answers", "").starts_with("net: metadata 'answers' is missing"));
  CHECK(with("vocabulary", "").starts_with("net: metadata 'vocabulary' is missing"));
  for (const char* key : {"vocabulary", "special", "max_length"})
    for (const char* value : {"{", "null", "[1]", "{\"a\": 1}", "\"\xff\"", "-", "1.5"}) {
      CAPTURE(key);
      CAPTURE(value);
      CHECK(with(key, value).starts_with(std::string("net: metadata '") + key + "' is "));
    }
  CHECK(with("max_length", "99999999999").starts_with("net: the longest text"));
  CHECK(with("special", R"({"pad": 0, "start": 1})").starts_with("net: metadata 'special' is "));
  CHECK(with("special", R"({"pad": 0, "start": 1, "end": -1})").starts_with("net: metadata 'special' is "));
  CHECK(with("special", R"({"pad": 0, "start": 1, "end": 9999999999})")
            .starts_with("net: metadata 'special' is "));
  CHECK(with("special", R"({"pad": 0, "start": 1, "end": 7})") == "net: the special id 7 is none of 7 words");
}

TEST_CASE("vocabulary: word lists are read from text, JSON and a pickled object") {
  const test::TemporaryFolder folder;
  const auto read = [&](const std::string& content) {
    std::ofstream(folder.path() / "words", std::ios::binary) << content;
    return read_words(folder.path() / "words");
  };
  const auto refused = [&](const std::string& content) { return refusal([&] { read(content); }); };
  CHECK(read("<pad>\ncat\ndog\n") == Texts{"<pad>", "cat", "dog"});
  CHECK(read(R"(["<pad>", "cat"])") == Texts{"<pad>", "cat"});
  CHECK(read(R"({"0": "<end>", "1": "cat"})") == Texts{"<end>", "cat"});
  CHECK(read(R"({"images": [], "ix_to_word": {"2": "dog", "1": "cat"}})") == Texts{"<pad>", "cat", "dog"});
  CHECK(read(R"({"ix_to_word": {"0": "<end>", "1": "cat"}})") == Texts{"<end>", "cat"});
  CHECK(read("<pad>\n,\n, dog\n?\n") == Texts{"<pad>", ",", ", dog", "?"});
  CHECK(test::contains(refused("cat\ndog\ncat\n"), "words: the words 0 and 2 are both \"cat\""));
  CHECK(test::contains(refused(R"({"ix_to_word": {"1": "cat", "3": "dog"}})"), "2 has no name"));
  CHECK(test::contains(refused(R"({"ix_to_word": {"1": "a", "1": "b"}})"), "'1' appears twice"));

  // pickle.dumps(v, 2) of an object of __main__.Vocabulary with idx2word, as yunjey's tutorial has it.
  using namespace std::string_literals;
  const std::string head = "\x80\2c__main__\nVocabulary\nq\0)\x81q\1}q\2("s;
  const auto pickle = [&](const std::string& entries) {
    return head + "X\x8\0\0\0idx2word}("s + entries + "uub.";
  };
  const std::string pad = "K\0X\5\0\0\0<pad>"s, cat = "K\1X\3\0\0\0cat"s;
  CHECK(read(pickle(pad + cat)) == Texts{"<pad>", "cat"});
  CHECK(read(pickle(cat + pad)) == Texts{"<pad>", "cat"});
  CHECK(test::contains(refused(pickle(cat)), "words: `idx2word` has no word 0, but 1"));
  CHECK(test::contains(refused(pickle(pad + cat + cat)), "no id of its own"));
  CHECK(test::contains(refused(head + "ub."), "words: a pickle without `idx2word`, `ix_to_word` or `vocab`"));
  CHECK(test::contains(refused(head), "words: the pickle is truncated"));
  CHECK_THROWS_WITH_AS(read_words(folder.path() / "missing"),
                       doctest::Contains("missing: cannot open the file"), Error);
}
