// What files of networks that are not built are said to be (tests/golden/make_family_keys.py).
#include <doctest/doctest.h>

#include "support/made_of_shapes.hpp"
#include "weights/families.hpp"
#include "weights/support.hpp"

using namespace backlight;
using test::golden_file;
using test::made_of_shapes;
using test::NamedShape;

namespace {

struct Group {
  std::string title;
  std::vector<NamedShape> keys;
};

/// Groups of a file whose titles stand behind `# ` and whose other lines begin with a key.
std::vector<Group> groups_in(const std::string& file, const std::string& prefix = "") {
  std::vector<Group> groups;
  std::istringstream lines(test::read_file(golden_file(file)));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# ")) {
      groups.push_back({line.substr(2), {}});
    } else {
      groups.back().keys.push_back({prefix + line.substr(0, line.find(' ')), {1}});
    }
  }
  return groups;
}

std::string family_of(const std::vector<NamedShape>& keys) { return unbuilt_family(made_of_shapes(keys)); }

}  // namespace

TEST_CASE("families: networks of torchvision and timm and Hugging Face are said to be what they are") {
  for (const char* prefix : {"", "module."}) {
    const std::vector<Group> groups = groups_in("family_keys.txt", prefix);
    CHECK(groups.size() > 60);
    for (const Group& group : groups) {
      CAPTURE(group.title);
      const std::size_t slash = group.title.find(" / ");
      const std::string name = group.title.substr(0, slash), source = group.title.substr(slash + 3),
                        found = family_of(group.keys);
      CAPTURE(found);
      CHECK(found.find(name) != std::string::npos);
      // timm has torchvision's keys for these two.
      const bool shared = name == "Inception v3" || name == "DenseNet";
      CHECK(found.ends_with(text(" (", shared ? "torchvision" : source, "'s keys)")));
    }
  }
}

TEST_CASE("families: the keys that Hugging Face published and those of the first authors are known too") {
  CHECK(family_of({{"vit.embeddings.cls_token", {1}},
                   {"vit.encoder.layer.0.attention.attention.query.weight", {1}}}) ==
        "a Vision Transformer (ViT, DeiT, BEiT or DINOv2) (Hugging Face's keys)");
  CHECK(family_of({{"swin.encoder.layers.0.blocks.0.attention.self.query.weight", {1}}}) ==
        "a Swin Transformer (Hugging Face's keys)");
  CHECK(family_of({{"features.0.0.weight", {1}}, {"features.1.conv.0.weight", {1}}}) == "a MobileNetV2");
  CHECK(family_of({{"downsample_layers.0.0.weight", {1}}, {"stages.0.0.dwconv.weight", {1}}}) ==
        "a ConvNeXt");
  CHECK(family_of(
            {{"backbone.conv1.weight", {1}}, {"classifier.0.weight", {1}}, {"classifier.4.weight", {1}}}) ==
        "an FCN, which segments (torchvision's keys)");
  CHECK(family_of({{"0.4.0.conv1.weight", {1}}, {"0.7.0.conv1.weight", {1}}}) ==
        "a ResNet as a Sequential of its children, as fastai's vision_learner has it");
  CHECK(family_of({{"features.denseblock1.denselayer1.conv.1.weight", {1}}}) ==
        "a DenseNet (an old torchvision's keys)");
  CHECK(family_of({{"_conv_stem.weight", {1}}, {"_blocks.0._se_reduce.weight", {1}}}) ==
        "an EfficientNet-B (efficientnet-pytorch's keys)");
}

TEST_CASE("families: networks that are built here and unknown ones are none of them") {
  for (const Group& group : groups_in("torchvision_keys.txt")) {
    CAPTURE(group.title);
    CHECK(family_of(group.keys) == "");
  }
  CHECK(family_of({}) == "");
  CHECK(family_of({{"conv1.weight", {1}}, {"conv2.weight", {1}}, {"fc.weight", {1}}}) == "");
  // Keys are compared at dots: these only end alike.
  CHECK(family_of({{"xfeatures.1.0.attn.cpb_mlp.0.weight", {1}}}) == "");
}
