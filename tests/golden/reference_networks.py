"""The networks as PyTorch has them, with weights that C++ computes alike."""

import torch
import torchvision
from common import fill, fill_module
from efficientnet_lite_pytorch import EfficientNet
from torch import nn


class AlexNetOriginal(nn.Module):
    """Krizhevsky et al. 2012 in Caffe's layout (models/bvlc_alexnet/deploy.prototxt)."""

    def __init__(self, num_classes=1000):
        super().__init__()
        norm = {"size": 5, "alpha": 1e-4, "beta": 0.75, "k": 1.0}
        layers = {
            "conv1": nn.Conv2d(3, 96, 11, stride=4),
            "relu1": nn.ReLU(),
            "norm1": nn.LocalResponseNorm(**norm),
            "pool1": nn.MaxPool2d(3, 2, ceil_mode=True),
            "conv2": nn.Conv2d(96, 256, 5, padding=2, groups=2),
            "relu2": nn.ReLU(),
            "norm2": nn.LocalResponseNorm(**norm),
            "pool2": nn.MaxPool2d(3, 2, ceil_mode=True),
            "conv3": nn.Conv2d(256, 384, 3, padding=1),
            "relu3": nn.ReLU(),
            "conv4": nn.Conv2d(384, 384, 3, padding=1, groups=2),
            "relu4": nn.ReLU(),
            "conv5": nn.Conv2d(384, 256, 3, padding=1, groups=2),
            "relu5": nn.ReLU(),
            "pool5": nn.MaxPool2d(3, 2, ceil_mode=True),
            "flatten": nn.Flatten(),
            "fc6": nn.Linear(256 * 6 * 6, 4096),
            "relu6": nn.ReLU(),
            "drop6": nn.Dropout(0.5),
            "fc7": nn.Linear(4096, 4096),
            "relu7": nn.ReLU(),
            "drop7": nn.Dropout(0.5),
            "fc8": nn.Linear(4096, num_classes),
        }
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x):
        for layer in self.children():
            x = layer(x)
        return x


class CifarBlock(nn.Module):
    def __init__(self, in_channels, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()
        self.stride, self.grown = stride, channels - in_channels

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        if self.grown:  # option A: every other pixel, half of the new channels on either side, all zero
            pad = self.grown // 2
            x = nn.functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, pad, pad))
        return self.relu(y + x)


class CifarResNet(nn.Module):
    """He et al. 2016, section 4.2, with the keys of github.com/akamaster/pytorch_resnet_cifar10."""

    def __init__(self, depth, num_classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu = nn.ReLU()
        blocks = (depth - 2) // 6
        for stage, channels in enumerate((16, 32, 64)):
            before = 16 if stage == 0 else channels // 2
            layers = [CifarBlock(before, channels, 1 if stage == 0 else 2)]
            layers += [CifarBlock(channels, channels, 1) for _ in range(blocks - 1)]
            self.add_module(f"layer{stage + 1}", nn.Sequential(*layers))
        self.linear = nn.Linear(64, num_classes)

    def forward(self, x):
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean((2, 3)))


TORCHVISION = (
    ["alexnet"]
    + [f"vgg{depth}{bn}" for bn in ("", "_bn") for depth in (11, 13, 16, 19)]
    + ["squeezenet1_0", "squeezenet1_1"]
    + [f"resnet{depth}" for depth in (18, 34, 50, 101, 152)]
    + ["resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d", "wide_resnet50_2", "wide_resnet101_2"]
)
CIFAR = [f"resnet{depth}_cifar" for depth in (20, 32, 44, 56, 110)]
LITE = [f"efficientnet_lite{version}" for version in (0, 1, 2)]
ALL = ["alexnet", "alexnet_original"] + TORCHVISION[1:] + CIFAR + LITE
NATIVE_SIZE = {"alexnet_original": 227, "efficientnet_lite1": 240, "efficientnet_lite2": 260} | {n: 32 for n in CIFAR}


def build(name):
    """The network by backlight's name, in inference mode."""
    if name in TORCHVISION:
        network = torchvision.models.get_model(name, weights=None, init_weights=False) if "vgg" in name \
            else torchvision.models.get_model(name, weights=None)
    elif name == "alexnet_original":
        network = AlexNetOriginal()
    elif name in CIFAR:
        network = CifarResNet(int(name.removeprefix("resnet").removesuffix("_cifar")))
    else:
        network = EfficientNet.from_name(name.replace("_", "-"))
    return network.eval()


def state_entries(network):
    """Names and shapes of the state dict; num_batches_tracked is no part of inference."""
    return {k: list(v.shape) for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}


def build_filled(name):
    """The network with every value filled by name and rounded to float32, computing in float64."""
    return fill_module(build(name)).double()


def input_for(name, size):
    return torch.from_numpy(fill(f"{name}.x", (1, 3, size, size), -2, 2)).double()
