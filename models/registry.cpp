#include "models/registry.hpp"

#include <algorithm>
#include <functional>

#include "engine/core/nearest.hpp"
#include "models/alexnet.hpp"
#include "models/cifar_resnet.hpp"
#include "models/efficientnet_lite.hpp"
#include "models/resnet.hpp"
#include "models/scenes_net.hpp"
#include "models/squeezenet.hpp"
#include "models/vgg.hpp"

namespace backlight {
namespace {

constexpr std::int64_t kImagenetClasses = 1000;
/// Pixels of the input for each cell of VGG's last map.
constexpr std::int64_t kVggCell = 32;

struct Row {
  ModelInfo info;
  NetworkDescription published;  ///< info has the name and the classifier
  std::function<Network(const NetworkDescription&)> build;
};

HeadLayer linear_to(const std::string& name, std::int64_t in, std::int64_t out = kImagenetClasses) {
  return {HeadLayer::Kind::linear, name, in, out};
}

/// Linear layers of 4096, 4096 and the classes, as torchvision's AlexNet and VGG have them.
std::vector<HeadLayer> three_linear(std::int64_t features, bool dropout_first) {
  using enum HeadLayer::Kind;
  std::vector<HeadLayer> head;
  const auto add = [&](HeadLayer::Kind kind, std::int64_t in, std::int64_t out) {
    head.push_back({kind, "classifier." + std::to_string(head.size()), in, out});
  };
  constexpr std::int64_t kHidden = 4096;
  for (const std::int64_t in : {features, kHidden}) {
    if (dropout_first) add(dropout, in, in);
    add(linear, in, kHidden);
    add(relu, kHidden, kHidden);
    if (!dropout_first) add(dropout, kHidden, kHidden);
  }
  add(linear, kHidden, kImagenetClasses);
  return head;
}

Row alexnet_row() {
  return {{.name = "alexnet",
           .preprocessing = Preprocessing::torchvision(),
           .labels = LabelSet::imagenet,
           .default_layers = {"features.11", "features.12", "features.11", "avgpool"},
           .min_input_size = 63},
          {.pooled = 6, .head = three_linear(256 * 6 * 6, true)},
          alexnet};
}

Row alexnet_original_row() {
  return {{.name = "alexnet_original",
           .preprocessing = Preprocessing::caffe(227, 256),
           .labels = LabelSet::imagenet,
           .default_layers = {"relu5", "pool5", "relu5", "pool5"},
           .min_input_size = 199,
           .any_size = false},
          {.head = {linear_to("fc8", 4096)}},
          alexnet_original};
}

Row vgg_row(int depth, bool batch_norm) {
  return {{.name = "vgg" + std::to_string(depth) + (batch_norm ? "_bn" : ""),
           .preprocessing = Preprocessing::torchvision(),
           .labels = LabelSet::imagenet,
           // The last of `features` are the convolution, batch norm where there is one, ReLU, pooling.
           .default_layers = {"features[-2]", "features[-1]", "features[-2]", "avgpool"},
           .min_input_size = 32},
          {.pooled = 7, .head = three_linear(512 * 7 * 7, false)},
          [=](const NetworkDescription& d) { return vgg(depth, batch_norm, d); }};
}

Row squeezenet_row(const std::string& version, bool smaller, int min_input_size) {
  return {{.name = "squeezenet" + version,
           .preprocessing = Preprocessing::torchvision(),
           .labels = LabelSet::imagenet,
           .default_layers = {"features", "features", "features", "classifier.2"},
           .min_input_size = min_input_size},
          {.head = {linear_to("classifier.1", 512)}},
          [=](const NetworkDescription& d) { return squeezenet(smaller, d); }};
}

Row resnet_row(const ResNetDesign& design) {
  return {{.name = std::string(design.name),
           .preprocessing = Preprocessing::torchvision(),
           .labels = LabelSet::imagenet,
           .default_layers = {"layer4", "layer4", "layer4", "layer4"}},
          {.projection = "downsample", .head = {linear_to("fc", design.bottleneck ? 2048 : 512)}},
          [=](const NetworkDescription& d) { return resnet(design, d); }};
}

Row cifar_resnet_row(int depth) {
  return {{.name = "resnet" + std::to_string(depth) + "_cifar",
           .preprocessing = Preprocessing::cifar(),
           .labels = LabelSet::cifar10,
           .default_layers = {"layer3", "layer3", "layer3", "layer3"}},
          {.head = {linear_to("linear", 64, 10)}},
          [=](const NetworkDescription& d) { return cifar_resnet(depth, d); }};
}

Row efficientnet_lite_row(int version, int input_size) {
  return {{.name = "efficientnet_lite" + std::to_string(version),
           .preprocessing = Preprocessing::efficientnet_lite(input_size, input_size + 32),
           .labels = LabelSet::imagenet,
           .default_layers = {"_swish_1", "_swish_1", "_swish_1", "_swish_1"}},
          {.head = {linear_to("_fc", 1280)}},
          [=](const NetworkDescription& d) { return efficientnet_lite(version, d); }};
}

/// timm's crop_pct of 0.875, 0.882 and 0.89 comes to the same margin.
Row timm_efficientnet_lite_row(int version, int input_size) {
  Row row = efficientnet_lite_row(version, input_size);
  row.info.name = "timm_" + row.info.name;
  row.info.preprocessing = Preprocessing::torchvision(input_size, input_size + 32);
  row.info.preprocessing.interpolation = Filter::bicubic;
  row.build = [=](const NetworkDescription& d) { return timm_efficientnet_lite(version, d); };
  return row;
}

Row scenes_row() {
  return {{.name = "backlight_scenes",
           .preprocessing = scenes_preprocessing(),
           .labels = LabelSet::scenes,
           .default_layers = {"layer2", "layer2", "layer2", "layer2"}},
          {.head = {linear_to("fc", 64, 10)}},
          [](const NetworkDescription& d) { return scenes_net(d.head.back().out); }};
}

/// One row per network. A new family adds its rows here.
std::vector<Row> make_rows() {
  std::vector<Row> rows = {alexnet_row(), alexnet_original_row()};
  for (const bool batch_norm : {false, true})
    for (const int depth : {11, 13, 16, 19}) rows.push_back(vgg_row(depth, batch_norm));
  rows.push_back(squeezenet_row("1_0", false, 21));
  rows.push_back(squeezenet_row("1_1", true, 17));
  for (const ResNetDesign& design : kResNetDesigns) rows.push_back(resnet_row(design));
  for (const int depth : {20, 32, 44, 56, 110}) rows.push_back(cifar_resnet_row(depth));
  rows.push_back(efficientnet_lite_row(0, 224));
  rows.push_back(efficientnet_lite_row(1, 240));
  rows.push_back(efficientnet_lite_row(2, 260));
  rows.push_back(timm_efficientnet_lite_row(0, 224));
  rows.push_back(timm_efficientnet_lite_row(1, 240));
  rows.push_back(timm_efficientnet_lite_row(2, 260));
  rows.push_back(scenes_row());
  for (Row& row : rows) {
    row.published.architecture = row.info.name;
    row.info.classifier = row.published.head.back().name;
  }
  return rows;
}

const std::vector<Row>& rows() {
  static const std::vector<Row> kRows = make_rows();
  return kRows;
}

const Row& find_row(std::string_view name) {
  const auto row = std::ranges::find_if(rows(), [&](const Row& r) { return r.info.name == name; });
  if (row == rows().end())
    throw Error(
        ErrorKind::usage, "there is no model '", name, "'", did_you_mean(name, model_names()),
        "; known are the families alexnet, vgg, squeezenet, resnet, resnext, wide_resnet, resnetN_cifar, "
        "efficientnet_lite, timm_efficientnet_lite and backlight_scenes");
  return *row;
}

}  // namespace

const std::string& DefaultLayers::of(Preset preset) const {
  switch (preset) {
    case Preset::paper:
    case Preset::paper_code:
      return paper;
    case Preset::pytorch_grad_cam:
      return pytorch_grad_cam;
    case Preset::captum:
      return captum;
    case Preset::torch_cam:
      return torch_cam;
  }
  throw Error(ErrorKind::internal, "a preset without a default layer");
}

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const Row& row : rows()) names.push_back(row.info.name);
  return names;
}

const ModelInfo& model_info(std::string_view name) { return find_row(name).info; }

ModelInfo model_info(const NetworkDescription& description) {
  const Row& row = find_row(description.architecture);
  ModelInfo info = row.info;
  const auto classifier = std::ranges::find(description.head.rbegin(), description.head.rend(),
                                            HeadLayer::Kind::linear, &HeadLayer::kind);
  if (classifier != description.head.rend()) info.classifier = classifier->name;
  Preprocessing& how = info.preprocessing;
  if (description.small_stem) {
    how = Preprocessing::cifar();
    info.labels = LabelSet::cifar10;
  }
  if (description.timm) {
    how.divisor = 255;
    how.mean = {0.5f, 0.5f, 0.5f, 0};
    how.std = {0.5f, 0.5f, 0.5f, 1};
    how.interpolation = Filter::bicubic;
  }
  if (info.name.starts_with("vgg") && description.pooled != row.published.pooled)
    how.input_size = how.resize_size = static_cast<int>(kVggCell * description.pooled);
  how = with_channels(how, static_cast<int>(description.channels));
  return info;
}

NetworkDescription describe(std::string_view name, std::int64_t num_classes) {
  NetworkDescription description = find_row(name).published;
  description.head.back().out = num_classes;
  return description;
}

Network build_model(const NetworkDescription& description) {
  const Row& row = find_row(description.architecture);
  if (description.head.empty() || description.head.back().out < 1)
    throw Error(ErrorKind::usage, "a ", description.architecture, " needs at least one class, but ",
                description.head.empty() ? 0 : description.head.back().out, " are asked for");
  return row.build(description);
}

Network build_model(std::string_view name, std::int64_t num_classes) {
  return build_model(describe(name, num_classes));
}

}  // namespace backlight
