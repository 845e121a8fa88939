#include "weights/families.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace backlight {
namespace {

/// A family is known by keys that it has, or, with `!`, has not. A key is given from its end: whatever stands
/// before it, up to a dot, does not matter.
struct Family {
  const char* name;
  const char* keys_of;
  std::array<std::string_view, 3> keys;
};

constexpr const char* kTorchvision = "torchvision's keys";
constexpr const char* kTimm = "timm's keys";
constexpr const char* kHuggingFace = "Hugging Face's keys";
constexpr const char* kTheirOwn = "";

/// The first that fits counts: relatives that have more keys stand before those that have fewer.
constexpr Family kFamilies[] = {
    {"an Inception v3", kTorchvision, {"Conv2d_1a_3x3.conv.weight", "Mixed_5b.branch1x1.conv.weight"}},
    {"a GoogLeNet", kTorchvision, {"inception3a.branch1.conv.weight"}},
    {"an Inception-ResNet", kTimm, {"conv2d_1a.conv.weight", "conv2d_2b.conv.weight"}},
    {"an Inception v4", kTimm, {"features.3.conv.conv.weight", "features.4.branch0.0.conv.weight"}},
    {"a DenseNet", kTorchvision, {"features.denseblock1.denselayer1.conv1.weight"}},
    {"a DenseNet", "an old torchvision's keys", {"features.denseblock1.denselayer1.conv.1.weight"}},
    {"a MobileNetV2", kTorchvision, {"features.0.0.weight", "features.1.conv.0.0.weight"}},
    {"a MobileNetV2", kTheirOwn, {"features.0.0.weight", "features.1.conv.0.weight"}},
    {"a MobileNetV3", kTorchvision, {"features.0.0.weight", "features.1.block.0.0.weight"}},
    {"an EfficientNet-B", kTorchvision, {"features.0.0.weight", "features.1.0.block.1.fc1.weight"}},
    {"an EfficientNetV2", kTorchvision, {"features.0.0.weight", "features.1.0.block.0.0.weight"}},
    {"a ConvNeXt", kTorchvision, {"features.1.0.layer_scale", "features.1.0.block.0.weight"}},
    {"a Swin Transformer V2", kTorchvision, {"features.1.0.attn.cpb_mlp.0.weight"}},
    {"a Swin Transformer", kTorchvision, {"features.1.0.attn.relative_position_bias_table"}},
    {"a Vision Transformer (ViT)", kTorchvision, {"class_token", "conv_proj.weight"}},
    {"a RegNet", kTorchvision, {"trunk_output.block1.block1-0.f.a.0.weight"}},
    {"a ShuffleNetV2", kTorchvision, {"conv1.0.weight", "stage2.0.branch1.0.weight"}},
    {"a ShuffleNetV2", kTheirOwn, {"first_conv.0.weight", "stage2.0.branch_main.0.weight"}},
    {"an MNASNet", kTorchvision, {"layers.0.weight", "layers.8.0.layers.0.weight"}},
    {"a MaxViT", kTorchvision, {"blocks.0.layers.0.layers.MBconv.layers.conv_a.0.weight"}},

    {"a GhostNet", kTimm, {"conv_stem.weight", "blocks.0.0.ghost1.primary_conv.0.weight"}},
    {"a MobileNetV4", kTimm, {"conv_stem.weight", "norm_head.weight"}},
    {"a MobileNetV3", kTimm, {"conv_stem.weight", "conv_head.bias", "blocks.0.0.conv_dw.weight"}},
    {"an EfficientNetV2", kTimm, {"conv_stem.weight", "conv_head.weight", "blocks.1.0.conv_exp.weight"}},
    {"an EfficientNet-B",
     kTimm,
     {"conv_stem.weight", "conv_head.weight", "blocks.0.0.se.conv_reduce.weight"}},
    {"a MobileNetV2, an MNASNet or another relative of EfficientNet",
     kTimm,
     {"conv_stem.weight", "conv_head.weight", "blocks.0.0.conv_dw.weight"}},
    {"a MobileNetV1", kTimm, {"conv_stem.weight", "!conv_head.weight", "blocks.0.0.conv_pw.weight"}},
    {"an EfficientNet-B",
     "efficientnet-pytorch's keys",
     {"_conv_stem.weight", "_blocks.0._se_reduce.weight"}},
    {"an EdgeNeXt", kTimm, {"stem.0.weight", "stages.1.blocks.1.gamma_xca"}},
    {"a ConvNeXt", kTimm, {"stem.0.weight", "stages.0.blocks.0.conv_dw.weight"}},
    {"a ConvNeXt", kTheirOwn, {"downsample_layers.0.0.weight", "stages.0.0.dwconv.weight"}},
    {"a DeiT", kTimm, {"patch_embed.proj.weight", "blocks.0.attn.qkv.weight", "head_dist.weight"}},
    {"a Swin Transformer V2", kTimm, {"patch_embed.proj.weight", "layers.0.blocks.0.attn.cpb_mlp.0.weight"}},
    {"a Swin Transformer",
     kTimm,
     {"patch_embed.proj.weight", "layers.0.blocks.0.attn.relative_position_bias_table"}},
    {"a BEiT", kTimm, {"patch_embed.proj.weight", "blocks.0.attn.relative_position_bias_table"}},
    {"a Vision Transformer (ViT)",
     kTimm,
     {"patch_embed.proj.weight", "blocks.0.attn.qkv.weight", "!stages.0.blocks.0.norm1.weight"}},
    {"a Pyramid Vision Transformer (PVT)",
     kTimm,
     {"patch_embed.proj.weight", "stages.0.blocks.0.attn.kv.weight"}},
    {"an MLP-Mixer", kTimm, {"blocks.0.mlp_tokens.fc1.weight"}},
    {"a ResMLP", kTimm, {"blocks.0.linear_tokens.weight"}},
    {"a RegNet", kTimm, {"stem.conv.weight", "s1.b1.conv1.conv.weight"}},
    {"an NFNet", kTimm, {"stem.conv1.gain"}},
    {"a ResNet with pre-activation (ResNetV2, BiT)",
     kTimm,
     {"stem.conv.weight", "stages.0.blocks.0.norm1.weight", "stages.0.blocks.0.conv1.weight"}},
    {"an HRNet", kTimm, {"stage2.0.branches.0.0.conv1.weight"}},
    {"an Xception", kTimm, {"block1.rep.0.conv1.weight", "block1.skip.weight"}},
    {"an Xception", kTimm, {"blocks.0.stack.conv1.conv_dw.weight"}},
    {"a DLA", kTimm, {"base_layer.0.weight", "level0.0.weight"}},
    {"a ReXNet", kTimm, {"features.0.conv_dw.conv.weight"}},
    {"a TResNet", kTimm, {"body.conv1.conv.weight", "body.layer1.0.conv1.conv.weight"}},
    {"a RepVGG", kTimm, {"stem.conv_kxk.conv.weight"}},
    {"a RepVGG", kTheirOwn, {"stage0.rbr_dense.conv.weight"}},
    {"a CSP network", kTimm, {"stages.0.conv_transition_b.conv.weight"}},
    {"a Darknet", kTimm, {"stages.0.conv_down.conv.weight"}},
    {"a DPN", kTimm, {"features.conv1_1.conv.weight", "features.conv2_1.c1x1_a.conv.weight"}},
    {"an EfficientFormer", kTimm, {"stem.conv1.weight", "stages.0.blocks.0.ls1.gamma"}},
    {"a MobileViT", kTimm, {"stem.conv.weight", "stages.0.0.conv2_kxk.conv.weight"}},
    {"a LeViT", kTimm, {"stem.conv1.linear.weight", "stages.0.blocks.0.attn.attention_biases"}},
    {"a MaxViT", kTimm, {"stem.conv1.weight", "stages.0.blocks.0.conv.conv2_kxk.weight"}},
    {"a CoAtNet", kTimm, {"stem.conv1.weight", "stages.0.blocks.0.conv2_kxk.weight"}},
    {"a PoolFormer or MetaFormer", kTimm, {"stem.conv.weight", "stages.0.blocks.0.layer_scale1.scale"}},
    {"a VoVNet", kTimm, {"stages.0.blocks.0.conv_concat.conv.weight"}},
    {"a SENet", "Cadene's keys", {"layer0.conv1.weight", "layer1.0.se_module.fc1.weight"}},

    {"a Vision Transformer (ViT, DeiT, BEiT or DINOv2)",
     kHuggingFace,
     {"embeddings.cls_token", "encoder.layer.0.attention.attention.query.weight"}},
    {"a Vision Transformer (ViT, DeiT, BEiT or DINOv2)",
     kHuggingFace,
     {"embeddings.cls_token", "layers.0.attention.q_proj.weight"}},
    {"a Vision Transformer (ViT, DeiT, BEiT or DINOv2)",
     kHuggingFace,
     {"embeddings.cls_token", "encoder.layer.0.attention.q_proj.weight"}},
    {"a Swin Transformer", kHuggingFace, {"encoder.layers.0.blocks.0.attention.self.query.weight"}},
    {"a Swin Transformer", kHuggingFace, {"encoder.layers.0.blocks.0.attention.q_proj.weight"}},
    {"a ConvNeXt", kHuggingFace, {"encoder.stages.0.layers.0.dwconv.weight"}},
    {"an EfficientNet-B",
     kHuggingFace,
     {"embeddings.convolution.weight", "encoder.blocks.0.depthwise_conv.depthwise_conv.weight"}},
    {"a MobileNetV2", kHuggingFace, {"conv_stem.first_conv.convolution.weight"}},
    {"a MobileNetV1", kHuggingFace, {"conv_stem.convolution.weight", "layer.0.convolution.weight"}},
    {"a RegNet",
     kHuggingFace,
     {"embedder.embedder.convolution.weight", "encoder.stages.0.layers.0.layer.2.attention.0.weight"}},
    {"a BiT (ResNetV2)",
     kHuggingFace,
     {"embedder.convolution.weight", "encoder.stages.0.layers.0.norm1.weight"}},
    {"a CLIP model", "OpenAI's keys", {"class_embedding", "transformer.resblocks.0.attn.in_proj_weight"}},
    {"a language model", kTheirOwn, {"embeddings.word_embeddings.weight"}},

    {"a DeepLabV3, which segments", kTorchvision, {"classifier.0.convs.0.0.weight", "backbone.conv1.weight"}},
    {"an FCN, which segments",
     kTorchvision,
     {"backbone.conv1.weight", "classifier.0.weight", "classifier.4.weight"}},
    {"a detector of torchvision (Faster or Mask R-CNN)", kTorchvision, {"rpn.head.cls_logits.weight"}},
    {"a YOLO, which detects",
     kTheirOwn,
     {"model.0.conv.weight", "model.1.conv.weight", "model.2.cv1.conv.weight"}},
    {"a U-Net, which segments",
     kTheirOwn,
     {"inc.double_conv.0.weight", "down1.maxpool_conv.1.double_conv.0.weight"}},
    {"a ResNet as a Sequential of its children, as fastai's vision_learner has it",
     kTheirOwn,
     {"4.0.conv1.weight", "7.0.conv1.weight"}},
    {"a wide ResNet for CIFAR with pre-activation", kTheirOwn, {"block1.layer.0.conv1.weight", "fc.weight"}},
    {"the linear heads of LPIPS, without the network below them",
     kTheirOwn,
     {"lin0.model.1.weight", "lin4.model.1.weight"}},
    {"an MTCNN (R-Net), which detects faces",
     kTheirOwn,
     {"conv1.weight", "prelu1.weight", "dense5_1.weight"}},
};

bool is_key(std::string_view name, std::string_view key) {
  if (!name.ends_with(key)) return false;
  return name.size() == key.size() || name[name.size() - key.size() - 1] == '.';
}

bool fits(const Family& family, std::span<const StoredTensor> tensors) {
  return std::ranges::all_of(family.keys, [&](std::string_view key) {
    if (key.empty()) return true;
    const bool wanted = !key.starts_with('!');
    const std::string_view bare = key.substr(wanted ? 0 : 1);
    return wanted == std::ranges::any_of(
                         tensors, [&](const StoredTensor& tensor) { return is_key(tensor.name(), bare); });
  });
}

}  // namespace

std::string unbuilt_family(std::span<const StoredTensor> tensors) {
  const auto* const family =
      std::ranges::find_if(kFamilies, [&](const Family& each) { return fits(each, tensors); });
  if (family == std::end(kFamilies)) return {};
  return *family->keys_of ? text(family->name, " (", family->keys_of, ")") : family->name;
}

}  // namespace backlight
