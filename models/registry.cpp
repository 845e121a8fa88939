#include "models/registry.hpp"

#include <algorithm>
#include <functional>

#include "engine/nearest.hpp"
#include "models/alexnet.hpp"
#include "models/cifar_resnet.hpp"
#include "models/efficientnet_lite.hpp"
#include "models/resnet.hpp"
#include "models/scenes_net.hpp"
#include "models/vgg.hpp"

namespace backlight {
namespace {

struct Row {
  ModelInfo info;
  std::function<Network(std::int64_t num_classes)> build;
};

Row vgg_row(int depth, bool batch_norm) {
  return {{.name = "vgg" + std::to_string(depth) + (batch_norm ? "_bn" : ""),
           .preprocessing = Preprocessing::torchvision(),
           .labels = LabelSet::imagenet,
           // The last of `features` are the convolution, batch norm where there is one, ReLU, pooling.
           .default_layers = {"features[-2]", "features[-1]", "features[-2]", "avgpool"},
           .min_input_size = 32,
           .classifier = "classifier.6"},
          [=](std::int64_t n) { return vgg(depth, batch_norm, n); }};
}

Row resnet_row(int depth) {
  return {{.name = "resnet" + std::to_string(depth),
           .preprocessing = Preprocessing::torchvision(),
           .labels = LabelSet::imagenet,
           .default_layers = {"layer4", "layer4", "layer4", "layer4"},
           .classifier = "fc"},
          [=](std::int64_t n) { return resnet(depth, n); }};
}

Row cifar_resnet_row(int depth) {
  return {{.name = "resnet" + std::to_string(depth) + "_cifar",
           .preprocessing = Preprocessing::cifar(),
           .labels = LabelSet::cifar10,
           .default_layers = {"layer3", "layer3", "layer3", "layer3"},
           .classifier = "linear"},
          [=](std::int64_t n) { return cifar_resnet(depth, n); }};
}

Row efficientnet_lite_row(int version, int input_size) {
  return {{.name = "efficientnet_lite" + std::to_string(version),
           .preprocessing = Preprocessing::efficientnet_lite(input_size, input_size + 32),
           .labels = LabelSet::imagenet,
           .default_layers = {"_swish_1", "_swish_1", "_swish_1", "_swish_1"},
           .classifier = "_fc"},
          [=](std::int64_t n) { return efficientnet_lite(version, n); }};
}

/// One row per network. A new family adds its rows here.
const std::vector<Row>& rows() {
  static const std::vector<Row> kRows = {
      {{.name = "alexnet",
        .preprocessing = Preprocessing::torchvision(),
        .labels = LabelSet::imagenet,
        .default_layers = {"features.11", "features.12", "features.11", "avgpool"},
        .min_input_size = 63,
        .classifier = "classifier.6"},
       alexnet},
      {{.name = "alexnet_original",
        .preprocessing = Preprocessing::caffe(227, 256),
        .labels = LabelSet::imagenet,
        .default_layers = {"relu5", "pool5", "relu5", "pool5"},
        .min_input_size = 199,
        .any_size = false,
        .classifier = "fc8"},
       alexnet_original},
      vgg_row(11, false),
      vgg_row(13, false),
      vgg_row(16, false),
      vgg_row(19, false),
      vgg_row(11, true),
      vgg_row(13, true),
      vgg_row(16, true),
      vgg_row(19, true),
      resnet_row(18),
      resnet_row(34),
      resnet_row(50),
      resnet_row(101),
      resnet_row(152),
      cifar_resnet_row(20),
      cifar_resnet_row(32),
      cifar_resnet_row(44),
      cifar_resnet_row(56),
      cifar_resnet_row(110),
      efficientnet_lite_row(0, 224),
      efficientnet_lite_row(1, 240),
      efficientnet_lite_row(2, 260),
      {{.name = "backlight_scenes",
        .preprocessing = scenes_preprocessing(),
        .labels = LabelSet::scenes,
        .default_layers = {"layer2", "layer2", "layer2", "layer2"},
        .classifier = "fc"},
       [](std::int64_t n) { return scenes_net(n); }},
  };
  return kRows;
}

const Row& find_row(std::string_view name) {
  const auto row = std::ranges::find_if(rows(), [&](const Row& r) { return r.info.name == name; });
  if (row == rows().end())
    throw Error(ErrorKind::usage, "there is no model '", name, "'", did_you_mean(name, model_names()),
                "; known are the families alexnet, vgg, resnet, resnetN_cifar, efficientnet_lite and "
                "backlight_scenes");
  return *row;
}

}  // namespace

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const Row& row : rows()) names.push_back(row.info.name);
  return names;
}

const ModelInfo& model_info(std::string_view name) { return find_row(name).info; }

Network build_model(std::string_view name, std::int64_t num_classes) {
  if (num_classes < 1)
    throw Error(ErrorKind::usage, name, " needs at least one class, ", num_classes, " were asked for");
  return find_row(name).build(num_classes);
}

}  // namespace backlight
