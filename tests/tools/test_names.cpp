#include <doctest/doctest.h>

#include "tools/backlight/console.hpp"
#include "tools/backlight/names.hpp"
#include "tools/backlight/table.hpp"

using namespace backlight::tools;

TEST_CASE("names: what no file system likes becomes one dash") {
  CHECK(file_safe("tiger cat") == "tiger-cat");
  CHECK(file_safe("a/b\\c:d*e?f\"g<h>i|j") == "a-b-c-d-e-f-g-h-i-j");
  CHECK(file_safe("../../etc/passwd") == "etc-passwd");
  CHECK(file_safe("\n\t\x01") == "unnamed");
  CHECK(file_safe("") == "unnamed");
  CHECK(file_safe("..") == "unnamed");
  CHECK(file_safe("-rf") == "rf");
  CHECK(file_safe("IMG_0001") == "IMG-0001");
  CHECK(file_safe("IMG_0001", kLongestName, "_") == "IMG_0001");
  CHECK(file_safe("a b+c_d+e", 6, "+") == "a-b+c");
  CHECK(file_safe("layer1.0.conv1") == "layer1.0.conv1");
}

TEST_CASE("names: long names are cut between characters") {
  CHECK(file_safe("Grüße", 3) == "Gr");
  CHECK(file_safe("Grüße", 4) == "Grü");
  CHECK(file_safe(std::string(300, 'x')).size() == kLongestName);
  CHECK(file_safe("a -- b", 2) == "a");
}

TEST_CASE("names: the longest parts together are a name that file systems take") {
  const std::string others = "--99999_-999999_grad-cam-elementwise-counterfactual_-999_heatmap.png";
  CHECK(kLongestStem + kLongestExtension + 2 * kLongestName + kLongestChoices + others.size() <= 255);
}

TEST_CASE("names: choices that are too long for a name are told apart by digits") {
  CHECK(bounded_choices("_paper_stretch_n50").size() == 18);
  const std::string many = "_pytorch-grad-cam_stretch_smoothgrad-squared_n100_";
  const std::string one = bounded_choices(many + "noise0.2"), other = bounded_choices(many + "noise0.3");
  CHECK(one.size() <= kLongestChoices);
  CHECK(one.starts_with("_pytorch-grad-cam_stretch_smoothgrad-"));
  CHECK(one != other);
  CHECK(one == bounded_choices(many + "noise0.2"));
}

TEST_CASE("names: classes take their first synonym and an index where two share it") {
  const std::vector<std::string> names = file_safe_classes({"tench, Tinca tinca", "crane", "boxer", "Crane"});
  CHECK(names == std::vector<std::string>{"tench", "crane-1", "boxer", "Crane-3"});
}

TEST_CASE("names: no name is handed out twice in any case") {
  UniqueNames names;
  CHECK(names.take("cat") == "cat");
  CHECK(names.take("cat-2") == "cat-2");
  CHECK(names.take("CAT") == "CAT-3");
  CHECK(names.take("dog") == "dog");
}

TEST_CASE("names: texts that become one name are told apart by digits") {
  CHECK(distinct_name("a red star") == "a-red-star");
  const std::string text(50, 'a');
  CHECK(distinct_name(text).size() == kLongestName + 9);
  const std::vector<std::string> alike{"a b", "a-b", "A b", "a  b", "a b ", text, text + "a"};
  UniqueNames names;
  for (const std::string& one : alike) CHECK(names.take(distinct_name(one)) == distinct_name(one));
}

TEST_CASE("table: columns line up by characters and end without spaces") {
  Table table({"name", "n"});
  table.align_right(1);
  table.add({"Größe", "7"});
  table.add({"x", ""});
  table.add({"abc", "123"});
  CHECK(table.str() == "name     n\nGröße    7\nx\nabc    123\n");
}

TEST_CASE("console: control characters reach neither a terminal nor a table") {
  CHECK(printable("a\nb\tc\33[31m\x7f Grüße") == "a?b?c?[31m? Grüße");
  CHECK(printable("\xC2\x9B[31m") == "\xC2?[31m");
  Table table({"name"});
  table.add({"a\nb"});
  CHECK(table.str() == "name\na?b\n");
}

TEST_CASE("console: one thing is not several") {
  CHECK(counted(1, "picture") == "1 picture");
  CHECK(counted(0, "picture") == "0 pictures");
}
