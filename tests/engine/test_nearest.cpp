#include <doctest/doctest.h>

#include "engine/core/nearest.hpp"

using namespace backlight;

TEST_CASE("edit distance: counts insertions deletions replacements and swaps of neighbours") {
  CHECK(edit_distance("relu", "relu") == 0);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("reslu", "relu") == 1);
  CHECK(edit_distance("rleu", "relu") == 1);
  CHECK(edit_distance("VGG16", "vgg19") == 1);
  CHECK(edit_distance(std::string(100000, 'a'), std::string(100000, 'b')) == 128);
}

TEST_CASE("nearest names: the nearest comes first and strangers are left out") {
  const std::vector<std::string> names = {"layer1.0.conv1.weight", "layer1.0.conv2.weight", "fc.weight",
                                          "zebra"};
  CHECK(nearest_names("layer1.0.conv2.wieght", names).front() == "layer1.0.conv2.weight");
  CHECK(nearest_names("layer1.0.conv2.wieght", names, 1).size() == 1);
  CHECK(nearest_names("qqqqqqqq", names).empty());
  CHECK(nearest_names("", names).empty());
}

TEST_CASE("nearest names: a part of a longer name finds it") {
  const std::vector<std::string> names = {"tabby", "tiger cat", "boxer"};
  CHECK(nearest_names("cat", names) == std::vector<std::string>{"tiger cat"});
}

TEST_CASE("did you mean: lists the suggestions or says nothing") {
  const std::vector<std::string> names = {"vgg16", "vgg19", "alexnet"};
  CHECK(did_you_mean("vgg17", names) == " (did you mean \"vgg16\" or \"vgg19\"?)");
  CHECK(did_you_mean("zzzzzzzz", names).empty());
}
