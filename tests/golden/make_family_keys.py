"""Keys of networks of many families, as torchvision, timm and Hugging Face's transformers name them.

Writes checkpoints/family_keys.txt: a line `# family`, then names of its state dict, of those that differ in numbers
alone the first, without buffers. Needs transformers==5.24.0 beside requirements.txt.
"""

import pathlib
import re

import timm
import torch
import torchvision
import transformers

OUT = pathlib.Path(__file__).resolve().parent / "checkpoints" / "family_keys.txt"

TORCHVISION = {
    "Inception v3": "inception_v3", "GoogLeNet": "googlenet", "DenseNet": "densenet121", "MobileNetV2": "mobilenet_v2",
    "MobileNetV3": "mobilenet_v3_small", "EfficientNet-B": "efficientnet_b0", "EfficientNetV2": "efficientnet_v2_s",
    "ConvNeXt": "convnext_tiny", "Swin Transformer V2": "swin_v2_t", "Swin Transformer": "swin_t",
    "Vision Transformer": "vit_b_16", "RegNet": "regnet_y_400mf", "ShuffleNetV2": "shufflenet_v2_x0_5",
    "MNASNet": "mnasnet0_5", "MaxViT": "maxvit_t", "DeepLabV3": "deeplabv3_resnet50",
    "Faster or Mask R-CNN": "fasterrcnn_resnet50_fpn"}

TIMM = {
    "Inception v3": "inception_v3", "Inception-ResNet": "inception_resnet_v2", "Inception v4": "inception_v4",
    "DenseNet": "densenet121", "GhostNet": "ghostnet_100", "MobileNetV4": "mobilenetv4_conv_small",
    "MobileNetV3": "mobilenetv3_small_050", "EfficientNetV2": "tf_efficientnetv2_b0",
    "EfficientNet-B": "efficientnet_b0", "MobileNetV2": "mobilenetv2_100", "MNASNet": "mnasnet_100",
    "MobileNetV1": "mobilenetv1_100", "EdgeNeXt": "edgenext_xx_small", "ConvNeXt": "convnext_tiny",
    "DeiT": "deit_tiny_distilled_patch16_224", "BEiT": "beit_base_patch16_224",
    "Swin Transformer V2": "swinv2_tiny_window8_256", "Swin Transformer": "swin_tiny_patch4_window7_224",
    "Vision Transformer": "vit_tiny_patch16_224", "Pyramid Vision Transformer": "pvt_v2_b0",
    "MLP-Mixer": "mixer_s32_224", "ResMLP": "resmlp_12_224", "RegNet": "regnety_002", "NFNet": "nfnet_f0",
    "ResNetV2": "resnetv2_50", "HRNet": "hrnet_w18_small", "Xception": "legacy_xception", "Xception ": "xception41",
    "DLA": "dla34", "ReXNet": "rexnet_100", "TResNet": "tresnet_m", "RepVGG": "repvgg_a0", "CSP": "cspresnet50",
    "Darknet": "darknet53", "DPN": "dpn68", "EfficientFormer": "efficientformer_l1", "MobileViT": "mobilevit_xxs",
    "LeViT": "levit_128s", "CoAtNet": "coatnet_nano_rw_224", "PoolFormer": "poolformer_s12", "VoVNet": "vovnet39a"}

HUGGING_FACE = {
    "Vision Transformer": ("ViT", {}), "DeiT": ("DeiT", {}), "BEiT": ("Beit", {}), "DINOv2": ("Dinov2", {}),
    "Swin Transformer": ("Swin", {}), "ConvNeXt": ("ConvNext", {}), "EfficientNet-B": ("EfficientNet", {}),
    "MobileNetV2": ("MobileNetV2", {}), "MobileNetV1": ("MobileNetV1", {}), "RegNet": ("RegNet", {}),
    "BiT": ("Bit", {})}


def entry(family, keys_of, network):
    shown, seen = [], set()
    for name in network.state_dict():
        pattern = re.sub(r"\d+", "0", name)
        if pattern in seen or name.endswith(("running_mean", "running_var", "num_batches_tracked")):
            continue
        seen.add(pattern)
        shown.append(name)
    return [f"# {family.strip()} / {keys_of}", *shown]


def main():
    lines = []
    for family, name in TORCHVISION.items():
        options = {"init_weights": False} if name in ("inception_v3", "googlenet") else {}
        if name.startswith(("deeplab", "fasterrcnn")):
            options = {"weights": None, "weights_backbone": None}
        lines += entry(family, "torchvision", torchvision.models.get_model(name, **options))
    for family, name in TIMM.items():
        lines += entry(family, "timm", timm.create_model(name, pretrained=False))
    for family, (name, options) in HUGGING_FACE.items():
        config = getattr(transformers, name + "Config")(**options)
        with torch.device("meta"):
            lines += entry(family, "Hugging Face", getattr(transformers, name + "ForImageClassification")(config))
    OUT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
