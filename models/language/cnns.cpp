#include "models/language/cnns.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "engine/core/nearest.hpp"
#include "kernels/layers.hpp"
#include "models/registry.hpp"
#include "models/resnet.hpp"
#include "models/scenes_net.hpp"
#include "models/vgg.hpp"

namespace backlight::language {
namespace {

constexpr std::array<std::string_view, 7> kCnns{kScenesCnn, "easy_vqa",  "vgg16",    "vgg19",
                                                "resnet50", "resnet101", "resnet152"};
constexpr std::int64_t kWidest = 512;

Network easy_vqa_features(std::span<const std::int64_t> widths) {
  Network net;
  std::int64_t channels = 3;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    const std::string number = std::to_string(i + 1);
    if (i > 0) net.add("pool" + std::to_string(i), max_pool2d({.kernel = 2}));
    net.add("conv" + number, conv2d(channels, widths[i], {.kernel = 3, .padding = 1}));
    channels = widths[i];
  }
  return net;
}

/// Samples in −½…½.
Preprocessing easy_vqa_preprocessing() {
  Preprocessing how;
  how.input_size = how.resize_size = 64;
  how.mean = {0.5f, 0.5f, 0.5f, 0};
  how.std = {1, 1, 1, 1};
  return how;
}

}  // namespace

Cnn make_cnn(std::string_view name, std::span<const std::int64_t> widths) {
  if (std::ranges::find(kCnns, name) == kCnns.end()) {
    const std::vector<std::string> known(kCnns.begin(), kCnns.end());
    throw Error(ErrorKind::usage, "no head stands behind a CNN of the name \"", name, "\"",
                did_you_mean(name, known));
  }
  if (const bool of_widths = name == kScenesCnn || name == "easy_vqa"; of_widths) {
    const auto fits = [](std::int64_t width) { return width > 0 && width <= kWidest; };
    if (widths.empty() || !std::ranges::all_of(widths, fits))
      throw Error(ErrorKind::usage, "the CNN ", name, " has ", widths.size(), " first convolutions of ",
                  widths.empty() ? 0 : std::ranges::max(widths), " channels at most, expected some, of 1 to ",
                  kWidest);
  }
  if (name == kScenesCnn) return {scenes_features(widths.front()), scenes_preprocessing()};
  if (name == "easy_vqa") return {easy_vqa_features(widths), easy_vqa_preprocessing(), true};
  const NetworkDescription published = describe(name, 1);
  if (name.starts_with("vgg"))
    return {vgg_features(name == "vgg16" ? 16 : 19, false, published), Preprocessing::torchvision(224, 224),
            true};
  const auto design = std::ranges::find(kResNetDesigns, name, &ResNetDesign::name);
  return {resnet_features(*design, published), Preprocessing::torchvision(224, 224)};
}

}  // namespace backlight::language
