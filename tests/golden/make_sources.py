"""What PyTorch computes, in double, of heads behind the CNNs of the papers: tests/models/test_cnns.cpp.

torchvision's VGGs and ResNets up to the last ReLU before the last pooling, heads of few units, all filled by name. Of
one picture of 64×64 the scores for one text, and Σ_k (∂y/∂A_k ∘ A_k) over the CNN's map A, for y = scores·dy.
"""

import numpy as np
import torch
import torchvision
from torch import nn

import make_heads
from common import Golden, fill, fill_module
from make_heads import packed

TOKENS = torch.tensor([[1, 5, 3, 0]])


class Vgg(nn.Module):
    def __init__(self, depth):
        super().__init__()
        self.features = getattr(torchvision.models, f"vgg{depth}")(weights=None).features[:-1]

    def forward(self, x):
        return self.features(x)


class ResNet(nn.Module):
    def __init__(self, depth):
        super().__init__()
        whole = getattr(torchvision.models, f"resnet{depth}")(weights=None)
        for name, module in list(whole.named_children())[:-2]:
            self.add_module(name, module)

    def forward(self, x):
        for module in self.children():
            x = module(x)
        return x


class Encoder(nn.Module):
    """VGG's last pooling and fully connected layers, or the map's mean and one; ReLUs, no batch norms."""

    def __init__(self, pool, features, sizes):
        super().__init__()
        self.pool = nn.MaxPool2d(2) if pool else nn.AdaptiveAvgPool2d(1)
        self.layers = nn.ModuleList(nn.Linear(i, o) for i, o in zip([features, *sizes], sizes))

    def forward(self, a):
        v = self.pool(a).flatten(1)
        for fc in self.layers:
            v = torch.relu(fc(v))
        return v


class Caption(make_heads.Caption):
    def __init__(self, *encoder):
        super().__init__()
        self.encoder = Encoder(*encoder)


class Vqa(make_heads.Vqa):
    """The vector has length 1."""

    def __init__(self, *encoder):
        super().__init__()
        self.encoder = Encoder(*encoder)

    def forward(self, a, tokens):
        v = nn.functional.normalize(self.encoder(a), dim=1)
        _, (h, c) = self.lstm(packed(torch.tanh(self.embed(tokens)), tokens))
        q = torch.cat([c[0], h[0], c[1], h[1]], 1)
        return self.out(torch.tanh(self.q(q)) * torch.tanh(self.i(v)))


class Coattention(make_heads.Coattention):
    """Without coordinates."""

    def __init__(self, pool, channels, d=4):
        super().__init__(parallel=False, lstm_layers=2, d=d)
        self.image, self.pool = nn.Linear(channels, d), nn.MaxPool2d(2) if pool else nn.Identity()

    def positions(self, a):
        return self.pool(a).flatten(2).mT


def add(golden, name, cnn, head):
    cnn, head = fill_module(cnn).double(), fill_module(head).double()
    x = torch.from_numpy(fill("sources.x", (1, 3, 64, 64)).astype(np.float64))
    with torch.no_grad():
        a = cnn(x)
    a.requires_grad_()
    scores = head(a, TOKENS)
    dy = torch.from_numpy(fill("sources.dy", tuple(scores.shape)).astype(np.float64))
    (gradient,) = torch.autograd.grad(scores, a, dy)
    golden.add(f"{name}.scores", scores)
    golden.add(f"{name}.map", (gradient * a)[0].sum(0))


def main():
    golden = Golden("sources")
    add(golden, "vgg16.caption", Vgg(16), Caption(True, 512 * 2 * 2, (6, 5)))
    add(golden, "vgg16.coattention", Vgg(16), Coattention(True, 512))
    add(golden, "vgg19.vqa", Vgg(19), Vqa(True, 512 * 2 * 2, (8, 6)))
    add(golden, "resnet50.coattention", ResNet(50), Coattention(False, 2048))
    add(golden, "resnet101.caption", ResNet(101), Caption(False, 2048, (5,)))
    add(golden, "resnet152.vqa", ResNet(152), Vqa(False, 2048, (6,)))
    golden.save()


if __name__ == "__main__":
    main()
