#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "engine/core/error.hpp"
#include "models/labels/label_file.hpp"
#include "support/temporary_folder.hpp"

using namespace backlight;

namespace {

using Strings = std::vector<std::string>;

ClassNames parsed(std::string_view text, std::int64_t classes = 0) {
  return parse_labels(text, "labels", classes);
}

/// The text is refused, and the message says `why`.
void refuses(std::string_view text, const std::string& why, std::int64_t classes = 0) {
  CAPTURE(text);
  CHECK_THROWS_WITH_AS(parsed(text, classes), doctest::Contains(why.c_str()), Error);
  CHECK_THROWS_WITH_AS(parsed(text, classes), doctest::Contains("labels: "), Error);
}

}  // namespace

TEST_CASE("labels: the built-in names are ImageNet's and CIFAR-10's in order") {
  const ClassNames imagenet = built_in_labels(LabelSet::imagenet);
  REQUIRE(imagenet.names.size() == 1000);
  CHECK(imagenet.names[0] == "tench");
  CHECK(imagenet.names[242] == "boxer");
  CHECK(imagenet.names[282] == "tiger cat");
  CHECK(imagenet.names[812] == "space shuttle");
  CHECK(imagenet.names[967] == "espresso");
  CHECK(imagenet.names[999] == "toilet tissue");
  const ClassNames cifar = built_in_labels(LabelSet::cifar10);
  REQUIRE(cifar.names.size() == 10);
  CHECK(cifar.names[3] == "cat");
  CHECK(cifar.names[9] == "truck");
  CHECK(cifar.wordnet_ids.empty());
  CHECK(built_in_labels(LabelSet::scenes).names.size() == 10);
  CHECK(built_in_labels(LabelSet::none).names.empty());
  CHECK(numbered_labels(2).names == Strings{"class 0", "class 1"});
}

TEST_CASE("labels: one output has two names, of which a file may give the second alone") {
  CHECK(parsed("fire\n", 1).names == Strings{"no fire", "fire"});
  CHECK(parsed("no fire\nfire\n", 1).names == Strings{"no fire", "fire"});
  CHECK(parsed(R"(["clear", "smoke"])", 1).names == Strings{"clear", "smoke"});
  refuses("a\nb\nc\n", "has 3 class names, the network has 2 classes", 1);
}

TEST_CASE("labels: ImageNet's classes have WordNet's ids, in order, and WordNet's names") {
  const ClassNames imagenet = built_in_labels(LabelSet::imagenet);
  REQUIRE(imagenet.wordnet_ids.size() == 1000);
  CHECK(std::ranges::is_sorted(imagenet.wordnet_ids));
  CHECK(imagenet.wordnet_ids[0] == "n01440764");
  CHECK(imagenet.wordnet_ids[282] == "n02123159");
  CHECK(imagenet.wordnet_ids[999] == "n15075141");
  CHECK(wordnet_names("n02123045") == "tabby, tabby cat");
  CHECK(wordnet_names("n00000000").empty());
  CHECK(wordnet_names("").empty());
  for (std::size_t i = 0; i < 1000; ++i) {
    const std::string_view all = wordnet_names(imagenet.wordnet_ids[i]);
    CAPTURE(i);
    CHECK(all.find(imagenet.names[i].substr(0, imagenet.names[i].find(' '))) != all.npos);
  }
}

TEST_CASE("labels: a file of lines is read however its lines end and whatever mark it begins with") {
  const Strings expected = {"a cat", "chien", "Pferd"};
  for (const char* text : {"a cat\nchien\nPferd\n", "a cat \r\nchien\r\nPferd", "a cat\rchien\rPferd\r",
                           "a cat\nchien\nPferd\n\n\n",
                           "\xEF\xBB\xBF"
                           "a cat\nchien\nPferd\n"}) {
    CAPTURE(text);
    CHECK(parsed(text, 3).names == expected);
  }
  CHECK(parsed("\xEF\xBB\xBF[\"\xC3\xA4\"]").names == Strings{"ä"});
}

TEST_CASE("labels: every form of JSON gives the names in the order of their indices") {
  const Strings expected = {"a cat", "chien", "Pferd"};
  for (const char* text :
       {R"( ["a cat", "chien", "Pferd"])", R"({"1": "chien", "0": "a cat", "2": "Pferd"})",
        R"({"chien": 1, "a cat": 0, "Pferd": 2})",
        R"({"model_type": "resnet", "id2label": {"0": "a cat", "1": "chien", "2": "Pferd"}})"}) {
    CAPTURE(text);
    CHECK(parsed(text, 3).names == expected);
    CHECK(parsed(text, 3).wordnet_ids.empty());
  }
}

TEST_CASE("labels: WordNet's ids beside names are kept") {
  const ClassNames expected = {{"tabby, tabby cat", "tench"}, {"n02123045", "n01440764"}};
  for (const char* text : {R"({"0": ["n02123045", "tabby, tabby cat"], "1": ["n01440764", "tench"]})",
                           R"([["n02123045", "tabby, tabby cat"], ["n01440764", "tench"]])",
                           "n02123045 tabby, tabby cat\nn01440764\ttench\n"}) {
    CAPTURE(text);
    CHECK(parsed(text, 2) == expected);
    CHECK(parsed(labels_json(parsed(text, 2)), 2) == expected);
  }
  CHECK(parsed("n02123045\nn01440764") == ClassNames{{"n02123045", "n01440764"}, {"n02123045", "n01440764"}});
  CHECK(parsed("n02123045 tabby\nno id").wordnet_ids.empty());
}

TEST_CASE("labels: a number beside a text is the index, and texts that are numbers stay names") {
  CHECK(parsed(R"({"7": 0, "3": 1})").names == Strings{"7", "3"});
  CHECK(parsed(R"({"0": "7", "1": "3"})").names == Strings{"7", "3"});
  CHECK(parsed(R"(["7", "3"])").names == Strings{"7", "3"});
  CHECK(parsed("7\n3\n").names == Strings{"7", "3"});
}

TEST_CASE("labels: two classes may share a name") {
  CHECK(parsed("crane\ncrane\n", 2).names == Strings{"crane", "crane"});
}

TEST_CASE("labels: what does not name every class once is refused") {
  refuses("a\nb\n", "has 2 class names, the network has 3 classes", 3);
  refuses("", "has 0 class names", 3);
  refuses("", "no class names");
  refuses("a\n\nb\n", "the name of class 1 is empty");
  refuses(R"(["a", " "])", "the name of class 1 is empty");
  refuses(R"({"0": "a", "2": "b"})", "class 1 has no name");
  refuses(R"({"1": "a", "2": "b"})", "class 0 has no name");
  refuses(R"({"0": "a", "0": "b"})", "'0' appears twice");
  refuses(R"({"a": 0, "b": 0})", "class 0 has two names, 'a' and 'b'");
  refuses(R"({"0": "a", "00": "b"})", "class 0 has two names");
  refuses(R"({"a": -1})", "index -1");
  refuses(R"({"a": 99999999999})", "out of range");
  refuses("[\"a\", \"b\"", "begins like JSON but is not");
  refuses("[\"a\", 2]", "what it has for class 1 is no name");
  refuses("[1]", "what it has for class 0 is no name");
  refuses("{\"0\": {\"name\": \"a\"}}", "what it has for class 0 is no name");
  refuses("{\"a\": \"b\"}", "'a' is no index");
  refuses("{\"id2label\": 3}", "labels");
  refuses("[\"a\\u001b[31m\"]", "control character: \"a?[31m\"");
  refuses("{\"0\": \"a\\nb\"}", "control character");
  refuses(std::string(1001, 'x'), "has 1001 bytes");
  refuses("gr\xFC\xDF\n", "not UTF-8");
  refuses(std::string_view("\xFF\xFE"
                           "a\0\n\0",
                           6),
          "UTF-16");
  refuses(std::string_view("a\0b", 3), "not UTF-8 text");
}

TEST_CASE("labels: a file that cannot be read or is no list is refused with its name") {
  const test::TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "labels.txt";
  std::ofstream(path, std::ios::binary) << "\xEF\xBB\xBF"
                                        << "ant\r\nbee\r\n";
  CHECK(read_labels(path, 2).names == Strings{"ant", "bee"});
  CHECK_THROWS_WITH_AS(read_labels(path, 3), doctest::Contains("labels.txt: has 2 class names"), Error);
  CHECK_THROWS_WITH_AS(read_labels("/nonexistent/labels.txt", 3), doctest::Contains("cannot be read"), Error);
  CHECK_THROWS_WITH_AS(read_labels(std::filesystem::temp_directory_path(), 3),
                       doctest::Contains("cannot be read"), Error);
}
