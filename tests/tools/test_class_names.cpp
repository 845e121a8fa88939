#include <doctest/doctest.h>

#include "engine/core/error.hpp"
#include "models/labels/labels.hpp"
#include "tools/backlight/class_names.hpp"

using namespace backlight;
using namespace backlight::tools;

namespace {

using Strings = std::vector<std::string>;
using Indices = std::vector<std::int64_t>;

ClassChoice in_imagenet(std::string_view text) {
  const ClassNames classes = built_in_labels(LabelSet::imagenet);
  return find_class(classes.names, classes.wordnet_ids, text);
}

void check_taken(const ClassChoice& choice, std::int64_t index, TakenAs how) {
  CHECK(choice.index == index);
  CHECK(name_of(choice.taken_as) == name_of(how));
}

void check_refused(std::string_view text, const char* why) {
  CAPTURE(text);
  CHECK_THROWS_WITH_AS(in_imagenet(text), doctest::Contains(why), Error);
}

}  // namespace

TEST_CASE("class names: a class is found by index or by name in any case") {
  check_taken(in_imagenet("282"), 282, TakenAs::index);
  check_taken(in_imagenet("0"), 0, TakenAs::index);
  check_taken(in_imagenet("999"), 999, TakenAs::index);
  check_taken(in_imagenet("tiger cat"), 282, TakenAs::name);
  check_taken(in_imagenet(" Tiger CAT "), 282, TakenAs::name);
  check_taken(in_imagenet("crane bird"), 134, TakenAs::name);
  CHECK(in_imagenet("tiger cat").remark.empty());
  CHECK(in_imagenet("282").remark.empty());
}

TEST_CASE("class names: ImageNet's classes answer to WordNet's ids, lines and synonyms") {
  check_taken(in_imagenet("n02123159"), 282, TakenAs::wordnet_id);
  check_taken(in_imagenet("N02123159"), 282, TakenAs::wordnet_id);
  check_taken(in_imagenet("tabby, tabby cat"), 281, TakenAs::synonym);
  check_taken(in_imagenet("tabby cat"), 281, TakenAs::synonym);
  check_taken(in_imagenet("Tinca tinca"), 0, TakenAs::synonym);
  check_taken(in_imagenet("maillot, tank suit"), 639, TakenAs::synonym);
  check_refused("n99999999", "no class is named 'n99999999'");
}

TEST_CASE("class names: each of the comma-separated names of a class finds it") {
  const Strings labels = {"tench, Tinca tinca", "crane", "crane, lifting machine", "Kran, crane"};
  check_taken(find_class(labels, {}, "tinca tinca"), 0, TakenAs::synonym);
  check_taken(find_class(labels, {}, "tench, tinca tinca"), 0, TakenAs::name);
  check_taken(find_class(labels, {}, "lifting machine"), 2, TakenAs::synonym);
  CHECK_THROWS_WITH_AS(find_class(labels, {}, "crane"),
                       doctest::Contains("1 (crane) and 2 (crane, lifting machine)"), Error);
}

TEST_CASE("class names: a short name tells its class from all others") {
  const Strings labels = {"tench, Tinca tinca", "crane",   "Crane, lifting machine", "jay",
                          "cardigan",           "Cardigan"};
  CHECK(short_names(labels) ==
        Strings{"tench", "crane", "Crane, lifting machine", "jay", "cardigan (4)", "Cardigan (5)"});
}

TEST_CASE("class names: a name of two classes asks for the index") {
  check_refused("cardigan", "264 (Cardigan) and 474 (cardigan)");
  check_refused("panda", "387 (lesser panda) and 388 (giant panda)");
}

TEST_CASE("class names: a class's own name comes before another's synonym, which is said") {
  struct Case {
    const char* name;
    std::int64_t index, other;
  };
  for (const auto& [name, index, other] :
       {Case{"crane", 517, 134}, {"maillot", 638, 639}, {"missile", 657, 744}, {"harp", 594, 593}}) {
    CAPTURE(name);
    const ClassChoice choice = in_imagenet(name);
    check_taken(choice, index, TakenAs::name);
    CHECK(choice.others == Indices{other});
    CHECK(choice.remark.find(std::to_string(other)) != std::string::npos);
  }
}

TEST_CASE("class names: case and Unicode's forms do not matter") {
  const Strings labels = {"Größe", "caf\xC3\xA9", "ΣΊΣΥΦΟΣ", "ﬁn"};
  CHECK(find_class(labels, {}, "GRÖSSE").index == 0);
  CHECK(find_class(labels, {}, "größe").index == 0);
  CHECK(find_class(labels, {}, "CAFE\xCC\x81").index == 1);
  CHECK(find_class(labels, {}, "σίσυφος").index == 2);
  CHECK(find_class(labels, {}, "FIN").index == 3);
  CHECK_THROWS_AS(find_class(labels, {}, "caf\xE9"), Error);
}

TEST_CASE("class names: a number is an index where there is one, and otherwise a name, which is said") {
  const Strings labels = {"3", "0", "7"};
  ClassChoice choice = find_class(labels, {}, "0");
  check_taken(choice, 0, TakenAs::index);
  CHECK(choice.others == Indices{1});
  CHECK(choice.remark.find("name:0 means class 1 (0)") != std::string::npos);
  choice = find_class(labels, {}, "1");
  check_taken(choice, 1, TakenAs::index);
  CHECK(choice.others.empty());
  CHECK(choice.remark.find("index") != std::string::npos);
  choice = find_class(labels, {}, "7");
  check_taken(choice, 2, TakenAs::name);
  CHECK(choice.remark.find("name of class 2") != std::string::npos);
  check_taken(find_class(labels, {}, "name:0"), 1, TakenAs::name);
  check_taken(find_class(labels, {}, "index:0"), 0, TakenAs::index);
  CHECK_THROWS_WITH_AS(find_class(labels, {}, "index:7"), doctest::Contains("numbered from 0"), Error);
  CHECK_THROWS_WITH_AS(find_class(labels, {}, "name:1"), doctest::Contains("no class is named '1'"), Error);
  CHECK_THROWS_WITH_AS(find_class(labels, {}, "4"), doctest::Contains("there is no class 4"), Error);
  const Strings digits = {"0", "1"};
  CHECK(find_class(digits, {}, "1").remark.empty());
}

TEST_CASE("class names: a word that is part of names is answered with those classes, whole words first") {
  check_refused("cat", "282 (tiger cat), 283 (Persian cat), 284 (Siamese cat), 285 (Egyptian cat)");
  check_refused("cat", " more");
  const Strings labels = {"education", "lolcats", "wild cat"};
  CHECK_THROWS_WITH_AS(find_class(labels, {}, "CAT"),
                       doctest::Contains("part of 2 (wild cat), 0 (education) and 1 (lolcats)"), Error);
}

TEST_CASE("class names: a mistyped name is answered with the nearest") {
  check_refused("tigr cat", "\"tiger cat\"");
  check_refused("expresso", "\"espresso\"");
}

TEST_CASE("class names: what is no class is refused") {
  const Strings labels = built_in_labels(LabelSet::cifar10).names;
  for (const std::string text : {"10", "-1", "99999999999999999999", "", " ", "1e3", "xyzzyplugh",
                                 "name:", "index:", "index:x", ","}) {
    CAPTURE(text);
    CHECK_THROWS_AS(find_class(labels, {}, text), Error);
  }
}
