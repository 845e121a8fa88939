"""What PyTorch and captum say of the network of tests/support/squeeze_excitation.hpp, filled by name, in double.

Logits, the input gradient, captum's Grad-CAM before its ReLU, and captum's guided and deconvolved gradients: captum,
like pytorch-grad-cam, replaces the backward of nn.ReLU, of which the network has one, and leaves SiLU's and sigmoid's
alone.
"""

import warnings

import numpy as np
import torch
from captum.attr import Deconvolution, GuidedBackprop, LayerGradCam
from pytorch_grad_cam import GuidedBackpropReLUModel
from torch import nn

from common import Golden, fill, fill_module

warnings.filterwarnings("ignore")
CLASSES = [1, 4]


class SqueezeExcitation(nn.Module):
    def __init__(self, channels, squeezed):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.reduce = nn.Conv2d(channels, squeezed, 1)
        self.silu = nn.SiLU()
        self.expand = nn.Conv2d(squeezed, channels, 1)
        self.gate = nn.Sigmoid()

    def forward(self, x):
        return x * self.gate(self.expand(self.silu(self.reduce(self.pool(x)))))


class Block(nn.Module):
    """EfficientNet's: expanded, depthwise, gated, projected, and added to what came in."""

    def __init__(self):
        super().__init__()
        self.expand = nn.Conv2d(6, 12, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(12)
        self.silu1 = nn.SiLU()
        self.depthwise = nn.Conv2d(12, 12, 3, padding=1, groups=12, bias=False)
        self.bn2 = nn.BatchNorm2d(12)
        self.silu2 = nn.SiLU()
        self.se = SqueezeExcitation(12, 3)
        self.project = nn.Conv2d(12, 6, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(6)

    def forward(self, x):
        y = self.silu2(self.bn2(self.depthwise(self.silu1(self.bn1(self.expand(x))))))
        return x + self.bn3(self.project(self.se(y)))


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, stride=2, padding=1)
        self.relu = nn.ReLU()
        self.block = Block()
        self.head = nn.Conv2d(6, 8, 1)
        self.silu = nn.SiLU()
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        return self.fc(self.silu(self.head(self.block(self.relu(self.stem(x))))).mean((2, 3)))


def main():
    golden = Golden("squeeze_excitation")
    model = fill_module(Network()).double()
    x = torch.from_numpy(fill("squeeze_excitation.x", (2, 3, 13, 18)).astype(np.float64)).requires_grad_()
    scores = model(x)
    golden.add("scores", scores)
    (gradient,) = torch.autograd.grad(scores[0, CLASSES[0]] + scores[1, CLASSES[1]], x)
    golden.add("gradient", gradient)
    golden.add("grad-cam", LayerGradCam(model, model.silu).attribute(x, CLASSES)[:, 0])
    guided = GuidedBackprop(model).attribute(x, CLASSES)
    golden.add("guided", guided)
    golden.add("deconvnet", Deconvolution(model).attribute(x, CLASSES))
    assert not torch.allclose(guided, gradient)
    theirs = GuidedBackpropReLUModel(model, device="cpu")(x[:1].detach().clone(), CLASSES[0])
    assert np.allclose(theirs.transpose(2, 0, 1), guided[0].detach().numpy())
    golden.save()


if __name__ == "__main__":
    main()
