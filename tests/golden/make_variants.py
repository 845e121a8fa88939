"""Networks with other heads, stems and shortcuts than the published ones: names and shapes of their state dicts, and
their logits, computed in float64 with parameters that C++ computes alike."""

import json
from collections import OrderedDict

import timm
import torch
import torchvision
from common import HERE, Golden, fill, fill_module
from efficientnet_lite_pytorch import EfficientNet
from reference_networks import CifarResNet, state_entries
from torch import nn


def cifar(**modules):
    network = CifarResNet(20)
    for name, module in modules.items():
        setattr(network, name, module)
    return network


def batch_normed_head():
    return cifar(linear=nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Dropout(), nn.BatchNorm1d(16), nn.Linear(16, 5)))


def norm_before_relu():
    return cifar(linear=nn.Sequential(nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 5)))


def without_bias():
    return cifar(linear=nn.Sequential(nn.Dropout(), nn.Linear(64, 3, bias=False)))


def named_head():
    layers = [("fc1", nn.Linear(64, 12)), ("bn", nn.BatchNorm1d(12)), ("act", nn.ReLU()), ("out", nn.Linear(12, 4))]
    return cifar(linear=nn.Sequential(OrderedDict(layers)))


def nested_head():
    inner = [nn.Sequential(nn.Linear(64, 9), nn.ReLU()), nn.Sequential(nn.Dropout(), nn.Linear(9, 4))]
    return cifar(linear=nn.Sequential(*inner))


def linear_after_linear():
    return cifar(linear=nn.Sequential(nn.Linear(64, 9), nn.Linear(9, 4)))


def four_channels_one_output():
    return cifar(conv1=nn.Conv2d(4, 16, 3, padding=1, bias=False), linear=nn.Linear(64, 1))


class OptionB(nn.Module):
    """A CIFAR ResNet-20 with 1×1 convolutions in its shortcuts, torchvision's names, `fc`, and a grey input."""

    def __init__(self):
        super().__init__()
        basic = torchvision.models.resnet.BasicBlock
        self.conv1, self.bn1 = nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)
        channels = 16
        for stage, width in enumerate((16, 32, 64)):
            blocks = []
            for i in range(3):
                stride = 2 if stage and not i else 1
                projection = nn.Conv2d(channels, width, 1, stride, bias=False)
                shortcut = nn.Sequential(projection, nn.BatchNorm2d(width)) if channels != width else None
                blocks.append(basic(channels, width, stride, shortcut))
                channels = width
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        return self.fc(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


class SmallStem(nn.Module):
    """ResNet-18 for CIFAR with the names of github.com/kuangliu/pytorch-cifar: `shortcut`, `linear`."""

    def __init__(self):
        super().__init__()
        network = torchvision.models.resnet18(num_classes=10)
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 3, padding=1, bias=False), network.bn1
        for stage in (1, 2, 3, 4):
            layer = getattr(network, f"layer{stage}")
            for block in layer:
                block.shortcut = block.downsample or nn.Sequential()
                del block.downsample
                block.forward = lambda x, b=block: torch.relu(
                    b.bn2(b.conv2(torch.relu(b.bn1(b.conv1(x))))) + b.shortcut(x)
                )
            self.add_module(f"layer{stage}", layer)
        self.linear = network.fc

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.linear(nn.functional.avg_pool2d(x, 4).flatten(1))


def alexnet_one_linear():
    network = torchvision.models.alexnet(weights=None)
    network.classifier = nn.Linear(256 * 6 * 6, 3)
    return network


def vgg_for_cifar():
    network = torchvision.models.vgg11(init_weights=False)
    network.avgpool = nn.AdaptiveAvgPool2d(1)
    network.classifier = nn.Sequential(nn.Linear(512, 32), nn.ReLU(), nn.Linear(32, 10))
    return network


def lite_head():
    network = EfficientNet.from_name("efficientnet-lite0")
    network._fc = nn.Sequential(nn.Dropout(), nn.Linear(1280, 8), nn.ReLU(), nn.Linear(8, 2))
    return network


def timm_lite():
    return timm.create_model("efficientnet_lite0", num_classes=5)


# Function, architecture, channels and size of the input.
VARIANTS = [
    (batch_normed_head, "resnet20_cifar", 3, 32),
    (norm_before_relu, "resnet20_cifar", 3, 32),
    (without_bias, "resnet20_cifar", 3, 32),
    (named_head, "resnet20_cifar", 3, 32),
    (nested_head, "resnet20_cifar", 3, 32),
    (linear_after_linear, "resnet20_cifar", 3, 32),
    (four_channels_one_output, "resnet20_cifar", 4, 32),
    (OptionB, "resnet20_cifar", 1, 32),
    (SmallStem, "resnet18", 3, 32),
    (alexnet_one_linear, "alexnet", 3, 96),
    (vgg_for_cifar, "vgg11", 3, 32),
    (lite_head, "efficientnet_lite0", 3, 64),
    (timm_lite, "timm_efficientnet_lite0", 3, 64),
]

golden, lines = Golden("variants"), []
for make, architecture, channels, size in VARIANTS:
    network = fill_module(make()).double()
    name = make.__name__
    x = torch.from_numpy(fill(f"{name}.x", (1, channels, size, size), -2, 2)).double()
    with torch.no_grad():
        golden.add(name, network(x)[0])
    entry = {"architecture": architecture, "input": [1, channels, size, size], "entries": state_entries(network)}
    lines.append(f'"{name}": {json.dumps(entry, separators=(",", ":"))}')
    print(name, golden.tensors[name])
golden.save()
(HERE / "variants.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
