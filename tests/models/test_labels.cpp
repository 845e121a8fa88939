#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "engine/error.hpp"
#include "models/labels/labels.hpp"
#include "support/temporary_folder.hpp"

using namespace backlight;

namespace {

class LabelFile {
 public:
  explicit LabelFile(const std::string& content) { std::ofstream(path(), std::ios::binary) << content; }
  std::filesystem::path path() const { return folder_.path() / "labels.txt"; }

 private:
  test::TemporaryFolder folder_;
};

}  // namespace

TEST_CASE("labels: the built-in names are ImageNet's and CIFAR-10's in order") {
  const auto imagenet = built_in_labels(LabelSet::imagenet);
  REQUIRE(imagenet.size() == 1000);
  CHECK(imagenet[0] == "tench");
  CHECK(imagenet[242] == "boxer");
  CHECK(imagenet[282] == "tiger cat");
  CHECK(imagenet[812] == "space shuttle");
  CHECK(imagenet[967] == "espresso");
  CHECK(imagenet[999] == "toilet tissue");
  const auto cifar = built_in_labels(LabelSet::cifar10);
  REQUIRE(cifar.size() == 10);
  CHECK(cifar[3] == "cat");
  CHECK(cifar[9] == "truck");
  CHECK(built_in_labels(LabelSet::none).empty());
}

TEST_CASE("labels: built-in names serve only the number of classes they are for") {
  CHECK(labels_for(LabelSet::imagenet, 1000)[282] == "tiger cat");
  CHECK(labels_for(LabelSet::imagenet, 3) == std::vector<std::string>{"class 0", "class 1", "class 2"});
  CHECK(built_in_labels(LabelSet::scenes).size() == 10);
  CHECK(labels_for(LabelSet::none, 1) == std::vector<std::string>{"class 0"});
}

TEST_CASE("labels: a class is found by index or by name in any case") {
  const auto labels = built_in_labels(LabelSet::imagenet);
  CHECK(find_class(labels, "282") == 282);
  CHECK(find_class(labels, "tiger cat") == 282);
  CHECK(find_class(labels, " Tiger Cat ") == 282);
  CHECK(find_class(labels, "0") == 0);
  CHECK(find_class(labels, "999") == 999);
  CHECK(find_class(labels, "crane") == 517);
  CHECK(find_class(labels, "crane bird") == 134);
  CHECK(find_class(labels, "maillot tank suit") == 639);
  CHECK(find_class(labels_for(LabelSet::none, 5), "class 3") == 3);
}

TEST_CASE("labels: each of the comma-separated names of a class finds it") {
  const std::vector<std::string> labels = {"tench, Tinca tinca", "crane", "crane, lifting machine"};
  CHECK(find_class(labels, "tinca tinca") == 0);
  CHECK(find_class(labels, "tench, tinca tinca") == 0);
  CHECK(find_class(labels, "lifting machine") == 2);
  CHECK_THROWS_WITH_AS(find_class(labels, "crane"),
                       doctest::Contains("1 (crane), 2 (crane, lifting machine)"), Error);
}

TEST_CASE("labels: a name of two classes asks for the index") {
  const auto labels = built_in_labels(LabelSet::imagenet);
  CHECK_THROWS_WITH_AS(find_class(labels, "cardigan"), doctest::Contains("264 (Cardigan), 474 (cardigan)"),
                       Error);
}

TEST_CASE("labels: a mistyped name is answered with the nearest") {
  const auto labels = built_in_labels(LabelSet::imagenet);
  CHECK_THROWS_WITH_AS(find_class(labels, "tigr cat"), doctest::Contains("\"tiger cat\""), Error);
  CHECK_THROWS_WITH_AS(find_class(labels, "expresso"), doctest::Contains("\"espresso\""), Error);
}

TEST_CASE("labels: what is no class is refused") {
  const auto labels = built_in_labels(LabelSet::cifar10);
  for (const std::string text : {"10", "-1", "99999999999999999999", "", " ", "1e3", "xyzzyplugh"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(find_class(labels, text), Error);
  }
}

TEST_CASE("labels: a file has one name per line or is a JSON list") {
  const std::vector<std::string> expected = {"a cat", "chien", "Pferd"};
  CHECK(read_labels(LabelFile("a cat\nchien\nPferd\n").path(), 3) == expected);
  CHECK(read_labels(LabelFile("a cat \r\nchien\r\nPferd").path(), 3) == expected);
  CHECK(read_labels(LabelFile("a cat\nchien\nPferd\n\n\n").path(), 3) == expected);
  CHECK(read_labels(LabelFile(R"( ["a cat", "chien", "Pferd"])").path(), 3) == expected);
}

TEST_CASE("labels: a file that does not fit is refused with its name") {
  const auto refuses = [](const std::string& content, std::int64_t classes, const std::string& why) {
    CAPTURE(content);
    const LabelFile file(content);
    CHECK_THROWS_WITH_AS(read_labels(file.path(), classes), doctest::Contains(why.c_str()), Error);
    CHECK_THROWS_WITH_AS(read_labels(file.path(), classes), doctest::Contains("labels.txt"), Error);
  };
  refuses("a\nb\n", 3, "has 2 class names, the network has 3 classes");
  refuses("", 3, "has 0 class names");
  refuses("a\n\nb\n", 3, "the name of class 1 is empty");
  refuses("[\"a\", \"b\"", 2, "no list of strings");
  refuses("[\"a\", 2]", 2, "no list of strings");
  refuses("[1]", 1, "no list of strings");
  CHECK_THROWS_WITH_AS(read_labels("/nonexistent/labels.txt", 3), doctest::Contains("cannot be read"), Error);
  CHECK_THROWS_WITH_AS(read_labels(std::filesystem::temp_directory_path(), 3),
                       doctest::Contains("cannot be read"), Error);
}
