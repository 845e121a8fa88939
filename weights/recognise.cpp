#include "weights/recognise.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "weights/load.hpp"

namespace backlight {
namespace {

using Extents = std::vector<std::int64_t>;

/// Keys and shapes, asked by name.
class Keys {
 public:
  explicit Keys(std::span<const StoredTensor> tensors) : tensors_(tensors) {
    for (const StoredTensor& tensor : tensors) shapes_.emplace(tensor.name(), &tensor.shape());
  }

  bool has(std::string_view name) const { return shapes_.contains(name); }
  bool is(std::string_view name, const Extents& shape) const {
    const auto at = shapes_.find(name);
    return at != shapes_.end() && *at->second == shape;
  }
  /// Extent `i` of a tensor, 0 where there is none.
  std::int64_t extent(std::string_view name, std::size_t i) const {
    const auto at = shapes_.find(name);
    return at != shapes_.end() && i < at->second->size() ? (*at->second)[i] : 0;
  }
  std::size_t rank(std::string_view name) const {
    const auto at = shapes_.find(name);
    return at == shapes_.end() ? 0 : at->second->size();
  }
  template <class Predicate>
  bool any(Predicate predicate) const {
    return std::ranges::any_of(tensors_,
                               [&](const StoredTensor& tensor) { return predicate(tensor.name()); });
  }
  /// How many different numbers follow `prefix` directly: the blocks of a stage.
  int numbered(std::string_view prefix) const {
    std::vector<int> seen;
    for (const StoredTensor& tensor : tensors_) {
      const std::string_view name = tensor.name();
      if (!name.starts_with(prefix)) continue;
      int index = 0;
      const auto [end, error] =
          std::from_chars(name.data() + prefix.size(), name.data() + name.size(), index);
      if (error == std::errc{} && end != name.data() + name.size() && *end == '.') seen.push_back(index);
    }
    std::ranges::sort(seen);
    return static_cast<int>(std::unique(seen.begin(), seen.end()) - seen.begin());
  }
  /// Shapes of the four-dimensional weights under `prefix`, in file order.
  std::vector<Extents> convolutions(std::string_view prefix) const {
    std::vector<Extents> out;
    for (const StoredTensor& tensor : tensors_) {
      if (tensor.name().starts_with(prefix) && tensor.shape().size() == 4) out.push_back(tensor.shape());
    }
    return out;
  }

 private:
  std::span<const StoredTensor> tensors_;
  std::unordered_map<std::string_view, const Extents*> shapes_;
};

Recognition doubtful(std::string why) { return {{}, 0, std::move(why)}; }

std::optional<Recognition> alexnet(const Keys& keys) {
  // By names: the file's order may be the alphabet's, in which features.10 comes before features.3.
  if (keys.is("features.0.weight", {64, 3, 11, 11}) && keys.is("features.3.weight", {192, 64, 5, 5}))
    return Recognition{{"alexnet"}, keys.extent("classifier.6.weight", 0), {}};
  if (keys.is("conv1.weight", {96, 3, 11, 11}) && keys.is("conv2.weight", {256, 48, 5, 5}))
    return Recognition{{"alexnet_original"}, keys.extent("fc8.weight", 0), {}};
  const std::vector<Extents> convolutions = keys.convolutions("");
  if (convolutions.size() != 5 ||
      std::ranges::none_of(convolutions, [](const Extents& shape) { return shape[2] == 11; }))
    return std::nullopt;
  return doubtful(
      "an AlexNet of other widths or names than torchvision's (features.0 …) and the original in Caffe's "
      "names "
      "(conv1 …, two groups)");
}

std::optional<Recognition> vgg(const Keys& keys) {
  if (!keys.is("features.0.weight", {64, 3, 3, 3})) return std::nullopt;
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
  Recognition out{{text(name, normed ? "_bn" : "")}, keys.extent("classifier.6.weight", 0), {}};
  if (out.num_classes == 0) out.doubt = "the linear layers (classifier.0, .3, .6) are missing: features only";
  return out;
}

/// Variants whose keys begin as torchvision's do but whose computation is another one.
std::optional<std::string> resnet_variant(const Keys& keys) {
  if (keys.has("conv1.0.weight")) {
    return "a ResNet with timm's deep stem (resnet-d, -s or -t: conv1.0, conv1.3, conv1.6)";
  }
  if (keys.rank("layer2.0.downsample.1.weight") == 4 || keys.rank("layer1.0.downsample.1.weight") == 4) {
    return "a ResNet whose shortcuts average-pool (timm's resnet-d: downsample.1 is a convolution)";
  }
  if (keys.any([](std::string_view key) {
        return key.find(".se.") != key.npos || key.find(".se_module.") != key.npos;
      })) {
    return "a ResNet with squeeze-and-excitation (SE-ResNet)";
  }
  if (keys.has("layer1.0.conv3.weight") && !keys.is("layer1.0.conv2.weight", {64, 64, 3, 3})) {
    return keys.extent("layer1.0.conv2.weight", 0) == keys.extent("layer1.0.conv2.weight", 1)
               ? "a wide ResNet"
               : "a ResNeXt (grouped convolutions)";
  }
  if (keys.is("conv1.weight", {64, 3, 3, 3})) return "a ResNet with a 3×3 stem, as used for small pictures";
  if (!keys.is("conv1.weight", {64, 3, 7, 7}))
    return "a ResNet with another stem than 64 filters of 7×7 over 3 channels";
  return std::nullopt;
}

std::optional<Recognition> resnet(const Keys& keys) {
  if (!keys.has("layer4.0.conv1.weight")) return std::nullopt;
  if (const auto variant = resnet_variant(keys)) {
    return doubtful(*variant + ", which is not among the networks here");
  }
  const bool bottleneck = keys.has("layer1.0.conv3.weight");
  const int blocks[4] = {keys.numbered("layer1."), keys.numbered("layer2."), keys.numbered("layer3."),
                         keys.numbered("layer4.")};
  struct Depth {
    const char* name;
    bool bottleneck;
    int blocks[4];
  };
  static constexpr Depth kDepths[] = {{"resnet18", false, {2, 2, 2, 2}},
                                      {"resnet34", false, {3, 4, 6, 3}},
                                      {"resnet50", true, {3, 4, 6, 3}},
                                      {"resnet101", true, {3, 4, 23, 3}},
                                      {"resnet152", true, {3, 8, 36, 3}}};
  for (const Depth& depth : kDepths) {
    if (depth.bottleneck != bottleneck || !std::ranges::equal(depth.blocks, blocks)) continue;
    Recognition out{{depth.name}, keys.extent("fc.weight", 0), {}};
    if (out.num_classes == 0) out.doubt = "the last linear layer (fc) is missing: features only";
    return out;
  }
  return doubtful(text("a ResNet of ", blocks[0], "-", blocks[1], "-", blocks[2], "-", blocks[3], " ",
                       bottleneck ? "bottleneck" : "basic", " blocks, which is not among the networks here"));
}

std::optional<Recognition> cifar_resnet(const Keys& keys) {
  if (!keys.is("conv1.weight", {16, 3, 3, 3}) || !keys.has("layer3.0.conv1.weight")) return std::nullopt;
  if (keys.any([](std::string_view key) {
        return key.find(".shortcut.") != key.npos || key.find(".downsample.") != key.npos;
      })) {
    return doubtful("a CIFAR ResNet with convolutions in its shortcuts (option B); known is option A");
  }
  const int n = keys.numbered("layer1.");
  const bool known = n == 3 || n == 5 || n == 7 || n == 9 || n == 18;
  if (!known || keys.numbered("layer2.") != n || keys.numbered("layer3.") != n) {
    return doubtful(
        text("a CIFAR ResNet of ", n, " blocks in its first stage; known are 3, 5, 7, 9 and 18 in each"));
  }
  Recognition out{{text("resnet", 6 * n + 2, "_cifar")}, keys.extent("linear.weight", 0), {}};
  if (out.num_classes == 0) out.doubt = "the last linear layer (linear) is missing";
  return out;
}

std::optional<Recognition> efficientnet_lite(const Keys& keys) {
  if (!keys.has("_conv_stem.weight")) {
    if (keys.has("conv_stem.weight") && keys.has("conv_head.weight")) {
      return doubtful(
          "an EfficientNet with timm's keys (conv_stem, blocks.0.0); known are the keys of "
          "efficientnet-lite-pytorch (_conv_stem, _blocks.0)");
    }
    return std::nullopt;
  }
  if (keys.any([](std::string_view key) { return key.find("._se_") != key.npos; })) {
    return doubtful("an EfficientNet with squeeze-and-excitation; only the Lite networks are known");
  }
  const int blocks = keys.numbered("_blocks.");
  const std::int64_t width = keys.extent("_conv_head.weight", 1);
  const char* name = blocks == 16 && width == 320   ? "efficientnet_lite0"
                     : blocks == 21 && width == 320 ? "efficientnet_lite1"
                     : blocks == 21 && width == 352 ? "efficientnet_lite2"
                                                    : "";
  if (!*name) {
    return doubtful(text("an EfficientNet-Lite of ", blocks, " blocks and head width ", width,
                         "; known are Lite0, 1 and 2"));
  }
  return Recognition{{name}, keys.extent("_fc.weight", 0), {}};
}

/// Rows of the last two-dimensional weight.
std::int64_t last_rows(std::span<const StoredTensor> tensors) {
  for (std::size_t i = tensors.size(); i-- > 0;) {
    if (tensors[i].shape().size() == 2) return tensors[i].shape()[0];
  }
  return 0;
}

}  // namespace

Recognition recognise(std::span<const StoredTensor> tensors,
                      const std::map<std::string, std::string>& metadata) {
  const std::vector<StoredTensor> named = with_torchvision_names(tensors);
  const Keys keys(named);
  std::optional<Recognition> found;
  for (const auto judge : {alexnet, vgg, resnet, cifar_resnet, efficientnet_lite}) {
    if ((found = judge(keys))) break;
  }
  if (const auto said = metadata.find("architecture"); said != metadata.end()) {
    const bool agreed = found && found->architectures == std::vector{said->second};
    if (!agreed) return {{said->second}, last_rows(named), {}};
  }
  return found ? *found : doubtful("the keys are of none of the networks here");
}

}  // namespace backlight
