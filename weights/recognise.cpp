#include "weights/recognise.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "engine/core/error.hpp"
#include "weights/dialects.hpp"
#include "weights/head.hpp"
#include "weights/keys.hpp"
#include "weights/resnet_designs.hpp"

namespace backlight {
namespace {

using Extents = Keys::Extents;

Recognition doubtful(std::string why, bool known = true) {
  return {.architectures = {}, .num_classes = 0, .doubt = std::move(why), .known = known};
}

/// The recognition of what is described so far, with the head below `module`.
Recognition with_head(const Keys& keys, NetworkDescription description, std::string_view module,
                      std::span<const std::string_view> published = {}) {
  HeadReading head = read_head(keys, module, published);
  description.head = std::move(head.layers);
  Recognition found{{description.architecture}, 0, std::move(head.doubt)};
  if (!description.head.empty()) found.num_classes = description.head.back().out;
  found.assumptions = std::move(head.assumptions);
  found.description = std::move(description);
  return found;
}

/// The module that the classes come from: the first of these names with tensors, or the first of all.
std::string_view head_module(const Keys& keys, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names)
    if (keys.any_begins(std::string(name) + ".")) return name;
  return *names.begin();
}

/// The map of the last pooling, which AlexNet's and VGG's heads read flattened.
struct FlattenedMap {
  std::int64_t channels, side;  ///< as published
  std::int64_t cell;            ///< pixels of the input for each place; 0 where the size of the input stays
  std::array<std::string_view, 3> linear;
};

/// Side of the map that the first linear layer of the head reads, `channels` deep; 0 where it is no square.
std::int64_t pooled_side(const NetworkDescription& description, std::int64_t channels) {
  constexpr std::int64_t kLargest = 512;
  const auto first = std::ranges::find(description.head, HeadLayer::Kind::linear, &HeadLayer::kind);
  for (std::int64_t side = 1; first != description.head.end() && side <= kLargest; ++side)
    if (side * side * channels == first->in) return side;
  return 0;
}

Recognition with_flattened_head(const Keys& keys, NetworkDescription description, const FlattenedMap& map) {
  Recognition found = with_head(keys, std::move(description), "classifier", map.linear);
  if (found.description.head.empty()) return found;
  const std::int64_t side = pooled_side(found.description, map.channels);
  if (side == 0)
    return doubtful(text("the first layer of its head '", found.description.head.front().name,
                         "' reads no square map of ", map.channels, " channels"));
  found.description.pooled = side;
  if (side == map.side) return found;
  const std::string reads = text("its head reads maps of ", side, "×", side);
  if (map.cell > 0)
    found.assumptions.push_back(text(reads, ", which a picture of ", map.cell * side, "×", map.cell * side,
                                     " gives: pictures are taken at that size"));
  else
    found.assumptions.push_back(text(reads, " where the published network's reads ", map.side, "×", map.side,
                                     ": pictures are taken at its size, their maps averaged to that of the "
                                     "head"));
  return found;
}

std::optional<Recognition> squeezenet(const Keys& keys) {
  if (!keys.has("features.3.squeeze.weight")) return std::nullopt;
  const bool v1_0 = keys.is_convolution("features.0.weight", 96, 7) && keys.has("features.5.squeeze.weight");
  const bool v1_1 = keys.is_convolution("features.0.weight", 64, 3) && keys.has("features.6.squeeze.weight");
  if (!v1_0 && !v1_1) return doubtful("a SqueezeNet of other widths than torchvision's 1.0 and 1.1");
  const std::int64_t classes = keys.extent("classifier.1.weight", 0);
  Recognition found{{v1_0 ? "squeezenet1_0" : "squeezenet1_1"}, classes, {}};
  found.description = {.architecture = found.architectures[0],
                       .channels = keys.extent("features.0.weight", 1)};
  if (!keys.is("classifier.1.weight", {classes, 512, 1, 1}))
    found.doubt = "its last convolution (classifier.1, 1×1 over 512 channels) is missing: features only";
  else
    found.description.head = {
        {HeadLayer::Kind::linear, "classifier.1", 512, classes, keys.has("classifier.1.bias")}};
  return found;
}

std::optional<Recognition> alexnet(const Keys& keys) {
  // By names: the file's order may be the alphabet's, in which features.10 comes before features.3.
  if (keys.is_convolution("features.0.weight", 64, 11) && keys.is("features.3.weight", {192, 64, 5, 5})) {
    return with_flattened_head(
        keys, {.architecture = "alexnet", .channels = keys.extent("features.0.weight", 1)},
        {.channels = 256, .side = 6, .cell = 0, .linear = {"classifier.1", "classifier.4", "classifier.6"}});
  }
  if (keys.is_convolution("conv1.weight", 96, 11) && keys.is("conv2.weight", {256, 48, 5, 5}))
    return with_head(keys, {.architecture = "alexnet_original", .channels = keys.extent("conv1.weight", 1)},
                     "fc8");
  const std::vector<Extents> convolutions = keys.convolutions("");
  if (convolutions.size() != 5 ||
      std::ranges::none_of(convolutions, [](const Extents& shape) { return shape[2] == 11; }))
    return std::nullopt;
  return doubtful(
      "an AlexNet of other widths or names than torchvision's (features.0 …) and the original in Caffe's "
      "names (conv1 …, two groups)");
}

std::optional<Recognition> vgg(const Keys& keys) {
  if (!keys.is_convolution("features.0.weight", 64, 3)) return std::nullopt;
  const std::size_t depth = keys.convolutions("features.").size();
  const char* name = depth == 8    ? "vgg11"
                     : depth == 10 ? "vgg13"
                     : depth == 13 ? "vgg16"
                     : depth == 16 ? "vgg19"
                                   : "";
  if (!*name)
    return doubtful(text("a VGG-like network of ", depth, " convolutions; known are 8, 10, 13 and 16"));
  const bool normed = keys.any(
      [](std::string_view key) { return key.starts_with("features.") && key.ends_with(".running_mean"); });
  return with_flattened_head(
      keys,
      {.architecture = text(name, normed ? "_bn" : ""), .channels = keys.extent("features.0.weight", 1)},
      {.channels = 512, .side = 7, .cell = 32, .linear = {"classifier.0", "classifier.3", "classifier.6"}});
}

/// Variants whose keys begin as torchvision's do but whose computation is another one.
std::optional<std::string> resnet_variant(const Keys& keys) {
  if (keys.has("conv1.0.weight"))
    return "a ResNet with timm's deep stem (resnet-d, -s or -t: conv1.0, conv1.3, conv1.6)";
  if (keys.rank("layer2.0.downsample.1.weight") == 4 || keys.rank("layer1.0.downsample.1.weight") == 4)
    return "a ResNet whose shortcuts average-pool (timm's resnet-d: downsample.1 is a convolution)";
  if (keys.any_contains(".se.") || keys.any_contains(".se_module."))
    return "a ResNet with squeeze-and-excitation (SE-ResNet)";
  if (!keys.has("bn1.weight")) return "a ResNet without a norm after its stem (PreActResNet)";
  if (!keys.is_convolution("conv1.weight", 64, 7) && !keys.is_convolution("conv1.weight", 64, 3))
    return "a ResNet with another stem than 64 filters of 7×7 or 3×3";
  return std::nullopt;
}

/// The design of these blocks, widths and groups; empty where none is published.
std::string_view resnet_name(const ResNetDesign& found) {
  const auto named = std::ranges::find_if(kResNetDesigns, [&](const ResNetDesign& design) {
    return design.blocks == found.blocks && design.bottleneck == found.bottleneck &&
           design.width == found.width && design.groups == found.groups;
  });
  return named == kResNetDesigns.end() ? "" : named->name;
}

/// The module of the convolutions in shortcuts; empty for a network without any.
std::string projection_of(const Keys& keys) {
  for (const std::string_view name : {"downsample", "shortcut"})
    if (keys.has(text("layer2.0.", name, ".0.weight"))) return std::string(name);
  return {};
}

std::optional<Recognition> resnet(const Keys& keys) {
  if (!keys.has("layer4.0.conv1.weight")) return std::nullopt;
  if (const auto variant = resnet_variant(keys))
    return doubtful(*variant + ", which is not among the networks here");
  const bool bottleneck = keys.has("layer1.0.conv3.weight");
  const std::string grouped = "layer1.0.conv2.weight";
  const std::int64_t width = keys.extent(grouped, 0), per_group = keys.extent(grouped, 1);
  const ResNetDesign design{"",
                            {keys.numbered("layer1."), keys.numbered("layer2."), keys.numbered("layer3."),
                             keys.numbered("layer4.")},
                            bottleneck,
                            width,
                            per_group > 0 ? width / per_group : 0};
  const std::string_view name = resnet_name(design);
  if (name.empty()) {
    const auto& blocks = design.blocks;
    return doubtful(text("a ResNet of ", blocks[0], "-", blocks[1], "-", blocks[2], "-", blocks[3], " ",
                         bottleneck ? "bottleneck" : "basic", " blocks, ", width, " channels wide in ",
                         design.groups, " groups, which is not among the networks here"));
  }
  NetworkDescription description{.architecture = std::string(name),
                                 .channels = keys.extent("conv1.weight", 1),
                                 .small_stem = keys.extent("conv1.weight", 2) == 3,
                                 .projection = projection_of(keys)};
  if (description.projection.empty()) description.projection = "downsample";  // and then they are missing
  Recognition found =
      with_head(keys, std::move(description), head_module(keys, {"fc", "linear", "classifier"}));
  if (found.description.small_stem)
    found.assumptions.emplace_back(
        "its stem is a 3×3 convolution, as in ResNets for CIFAR: taken as of stride 1, without max pooling "
        "and "
        "for pictures of 32×32, which the file does not say");
  return found;
}

std::optional<Recognition> cifar_resnet(const Keys& keys) {
  if (!keys.is_convolution("conv1.weight", 16, 3) || !keys.has("layer3.0.conv1.weight")) return std::nullopt;
  const int n = keys.numbered("layer1.");
  const bool known = n == 3 || n == 5 || n == 7 || n == 9 || n == 18;
  if (!known || keys.numbered("layer2.") != n || keys.numbered("layer3.") != n)
    return doubtful(
        text("a CIFAR ResNet of ", n, " blocks in its first stage; known are 3, 5, 7, 9 and 18 in each"));
  return with_head(keys,
                   {.architecture = text("resnet", 6 * n + 2, "_cifar"),
                    .channels = keys.extent("conv1.weight", 1),
                    .projection = projection_of(keys)},
                   head_module(keys, {"linear", "fc"}));
}

std::optional<Recognition> efficientnet_lite(const Keys& keys) {
  if (!keys.has("_conv_stem.weight")) return std::nullopt;
  if (keys.any_contains("._se_"))
    return doubtful("an EfficientNet with squeeze-and-excitation; only the Lite networks are known");
  const int blocks = keys.numbered("_blocks.");
  const std::int64_t width = keys.extent("_conv_head.weight", 1);
  const char* name = blocks == 16 && width == 320   ? "efficientnet_lite0"
                     : blocks == 21 && width == 320 ? "efficientnet_lite1"
                     : blocks == 21 && width == 352 ? "efficientnet_lite2"
                                                    : "";
  if (!*name)
    return doubtful(text("an EfficientNet-Lite of ", blocks, " blocks and head width ", width,
                         "; known are Lite0, 1 and 2"));
  return with_head(keys, {.architecture = name, .channels = keys.extent("_conv_stem.weight", 1)}, "_fc");
}

/// The network of timm's that has the keys of this EfficientNet-Lite, which the keys do not tell.
std::string timms_own(const std::string& lite) { return "timm_" + lite; }

/// Rows of the last two-dimensional weight.
std::int64_t last_rows(std::span<const StoredTensor> tensors) {
  for (std::size_t i = tensors.size(); i-- > 0;) {
    if (tensors[i].shape().size() == 2) return tensors[i].shape()[0];
  }
  return 0;
}

}  // namespace

Recognition recognise(std::span<const StoredTensor> tensors, const std::string& stated) {
  const Dialect dialect = dialect_of(tensors);
  const std::vector<StoredTensor> named = with_torchvision_names(tensors, dialect);
  const Keys keys(named);
  std::optional<Recognition> found;
  for (const auto judge : {squeezenet, alexnet, vgg, resnet, cifar_resnet, efficientnet_lite}) {
    if ((found = judge(keys))) break;
  }
  const std::string name = found ? found->description.architecture : "";
  if (!name.empty() && stated == timms_own(name)) {
    found->architectures = {stated};
    found->description.architecture = stated;
  } else if (!name.empty() && dialect == Dialect::timm_lite) {
    found->description.timm = true;
    found->assumptions.push_back(text("timm has two networks under these names: taken as tf_", name,
                                      ", with TensorFlow's padding and mean and std 0.5; timm's own ", name,
                                      " (ra_in1k) is read with --model ", timms_own(name)));
  }
  if (!found) found = doubtful("the keys are of none of the networks here", /*known=*/false);
  if (stated.empty() || found->architectures == std::vector{stated}) return *found;
  if (!found->architectures.empty())
    return {{stated, found->architectures.front()},
            found->num_classes,
            text("its metadata names ", stated, ", but its keys are of ", found->architectures.front())};
  return {{stated}, last_rows(named), found->known ? found->doubt : "", found->known};
}

}  // namespace backlight
