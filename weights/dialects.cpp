#include "weights/dialects.hpp"

#include <algorithm>
#include <map>
#include <string>

#include "engine/core/error.hpp"
#include "weights/keys.hpp"

namespace backlight {
namespace {

struct Renaming {
  std::string_view from, to;
};

/// What follows `prefix` in `name`; empty where it does not begin so.
std::string_view after(std::string_view name, std::string_view prefix) {
  return name.starts_with(prefix) ? name.substr(prefix.size()) : std::string_view{};
}

/// Takes a number and the dot behind it off the front of `rest`; -1 where there is none.
int take_number(std::string_view& rest) {
  const std::size_t dot = rest.find('.');
  const auto value = dot == rest.npos ? std::nullopt : weights::module_number(rest.substr(0, dot));
  if (!value) return -1;
  rest.remove_prefix(dot + 1);
  return *value;
}

/// The name with the first `from` that it begins with replaced; as it is where there is none.
std::string replaced(std::string_view name, std::span<const Renaming> renamings) {
  for (const auto& [from, to] : renamings)
    if (name.starts_with(from)) return std::string(to).append(name.substr(from.size()));
  return std::string(name);
}

std::string caffe_vgg_name(std::string_view name) {
  static constexpr Renaming kNames[] = {{"classifier.1.", "classifier.0."},
                                        {"classifier.4.", "classifier.3."}};
  return replaced(name, kNames);
}

std::string timm_vgg_name(std::string_view name) {
  static constexpr Renaming kNames[] = {{"pre_logits.fc1.", "classifier.0."},
                                        {"pre_logits.fc2.", "classifier.3."},
                                        {"head.fc.", "classifier.6."}};
  return replaced(name, kNames);
}

/// `resnet.encoder.stages.0.layers.1.layer.2.convolution.weight` is `layer1.1.conv3.weight`.
std::string hugging_face_name(std::string_view name) {
  if (name.starts_with("resnet.")) name.remove_prefix(7);
  static constexpr Renaming kOutside[] = {{"embedder.embedder.convolution.", "conv1."},
                                          {"embedder.embedder.normalization.", "bn1."},
                                          {"classifier.1.", "fc."}};
  std::string_view rest = after(name, "encoder.stages.");
  if (rest.empty()) return replaced(name, kOutside);
  const int stage = take_number(rest);
  rest = after(rest, "layers.");
  const int block = take_number(rest);
  if (stage < 0 || block < 0) return std::string(name);
  std::string path = text("layer", stage + 1, ".", block, ".");
  if (std::string_view inner = after(rest, "layer."); !inner.empty()) {
    const int layer = take_number(inner);
    if (layer < 0) return std::string(name);
    const std::string convolution = text("conv", layer + 1, "."), norm = text("bn", layer + 1, ".");
    const Renaming names[] = {{"convolution.", convolution}, {"normalization.", norm}};
    return path + replaced(inner, names);
  }
  static constexpr Renaming kShortcut[] = {{"shortcut.convolution.", "downsample.0."},
                                           {"shortcut.normalization.", "downsample.1."}};
  return path + replaced(rest, kShortcut);
}

/// `conv3_x.0.residual_function.4.bias` is `layer2.0.bn2.bias`.
std::string weiaicunzai_name(std::string_view name) {
  static constexpr Renaming kStem[] = {{"conv1.0.", "conv1."}, {"conv1.1.", "bn1."}};
  static constexpr Renaming kBlock[] = {{"residual_function.0.", "conv1."}, {"residual_function.1.", "bn1."},
                                        {"residual_function.3.", "conv2."}, {"residual_function.4.", "bn2."},
                                        {"residual_function.6.", "conv3."}, {"residual_function.7.", "bn3."}};
  for (int stage = 1; stage <= 4; ++stage) {
    std::string_view rest = after(name, text("conv", stage + 1, "_x."));
    if (rest.empty()) continue;
    const int block = take_number(rest);
    if (block < 0) return std::string(name);
    return text("layer", stage, ".", block, ".") + replaced(rest, kBlock);
  }
  return replaced(name, kStem);
}

/// Names of timm's EfficientNet-Lite, whose blocks are numbered in their stages.
class TimmLite {
 public:
  explicit TimmLite(const Keys& keys) {
    for (int stage = 0; stage < 7; ++stage) {
      const int blocks = keys.numbered(text("blocks.", stage, "."));
      for (int block = 0; block < blocks; ++block) {
        const std::string path = text("blocks.", stage, ".", block, ".");
        const bool expands = keys.has(path + "conv_pwl.weight");
        blocks_.emplace(path, Block{text("_blocks.", blocks_.size(), "."), expands});
      }
    }
  }

  std::size_t blocks() const { return blocks_.size(); }

  std::string operator()(std::string_view name) const {
    static constexpr Renaming kOutside[] = {{"conv_stem.", "_conv_stem."},
                                            {"bn1.", "_bn0."},
                                            {"conv_head.", "_conv_head."},
                                            {"bn2.", "_bn1."},
                                            {"classifier.", "_fc."}};
    static constexpr Renaming kFirst[] = {{"conv_dw.", "_depthwise_conv."},
                                          {"bn1.", "_bn1."},
                                          {"conv_pw.", "_project_conv."},
                                          {"bn2.", "_bn2."}};
    static constexpr Renaming kExpanding[] = {{"conv_pw.", "_expand_conv."},    {"bn1.", "_bn0."},
                                              {"conv_dw.", "_depthwise_conv."}, {"bn2.", "_bn1."},
                                              {"conv_pwl.", "_project_conv."},  {"bn3.", "_bn2."}};
    for (const auto& [path, block] : blocks_) {
      const std::string_view rest = after(name, path);
      if (rest.empty()) continue;
      return block.path +
             (block.expands ? replaced(rest, std::span(kExpanding)) : replaced(rest, std::span(kFirst)));
    }
    return replaced(name, kOutside);
  }

 private:
  struct Block {
    std::string path;
    bool expands;
  };
  std::map<std::string, Block> blocks_;
};

template <class Name>
std::vector<StoredTensor> renamed(std::span<const StoredTensor> tensors, const Name& name_of) {
  std::vector<StoredTensor> out;
  for (const StoredTensor& tensor : tensors) out.push_back(tensor.renamed(name_of(tensor.name())));
  return out;
}

/// timm's VGG has convolutions over their whole input for the linear layers.
void make_matrices(std::vector<StoredTensor>& tensors) {
  for (StoredTensor& tensor : tensors)
    if (tensor.shape().size() == 4 && tensor.name().starts_with("classifier."))
      tensor =
          tensor.reshaped({tensor.shape()[0], tensor.numel() / std::max<std::int64_t>(tensor.shape()[0], 1)});
}

bool is_timm_lite(const Keys& keys) {
  if (!keys.has("conv_stem.weight") || !keys.has("conv_head.weight") || keys.any_contains(".se."))
    return false;
  const std::size_t blocks = TimmLite(keys).blocks();
  return blocks == 16 || blocks == 21;
}

}  // namespace

Dialect dialect_of(std::span<const StoredTensor> tensors) {
  const Keys keys(tensors);
  constexpr std::int64_t kVggFeatures = 512 * 7 * 7;
  // AlexNet has classifier.1 and .4 too, with fewer features.
  if (keys.rank("classifier.1.weight") == 2 && keys.extent("classifier.1.weight", 1) == kVggFeatures &&
      keys.has("classifier.4.weight") && !keys.has("classifier.0.weight") && !keys.has("classifier.3.weight"))
    return Dialect::caffe_vgg;
  if (keys.has("pre_logits.fc1.weight") && !keys.has("classifier.0.weight")) return Dialect::timm_vgg;
  if (is_timm_lite(keys)) return Dialect::timm_lite;
  if (keys.has("resnet.embedder.embedder.convolution.weight") ||
      keys.has("embedder.embedder.convolution.weight"))
    return Dialect::hugging_face;
  if (keys.has("conv2_x.0.residual_function.0.weight")) return Dialect::weiaicunzai;
  return Dialect::none;
}

std::vector<StoredTensor> with_torchvision_names(std::span<const StoredTensor> tensors, Dialect dialect) {
  switch (dialect) {
    case Dialect::none:
      break;
    case Dialect::caffe_vgg:
      return renamed(tensors, caffe_vgg_name);
    case Dialect::timm_vgg: {
      std::vector<StoredTensor> out = renamed(tensors, timm_vgg_name);
      make_matrices(out);
      return out;
    }
    case Dialect::timm_lite:
      return renamed(tensors, TimmLite(Keys(tensors)));
    case Dialect::hugging_face:
      return renamed(tensors, hugging_face_name);
    case Dialect::weiaicunzai:
      return renamed(tensors, weiaicunzai_name);
  }
  return {tensors.begin(), tensors.end()};
}

}  // namespace backlight
