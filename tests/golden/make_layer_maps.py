"""Maps at a layer, as pytorch-grad-cam, captum and torch-cam compute them and the papers have them, on small networks.

`pooled` ends in global average pooling and one linear layer, where many methods are the same; `dense` like VGG. Their
layers: what the head takes, one before a ReLU with negative values, an early one. In double: what is compared is
formulas. Maps are before any display, torch-cam's behind its ReLU.
"""

import warnings

import numpy as np
import torch
import torch.nn.functional as F
from captum.attr import LayerGradientXActivation
from pytorch_grad_cam import (AblationCAM, EigenCAM, EigenGradCAM, GradCAM, GradCAMElementWise, GradCAMPlusPlus, HiResCAM, LayerCAM,
                              XGradCAM)
from pytorch_grad_cam.ablation_layer import AblationLayer
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn
from torchcam import methods as torchcam

from common import Golden, fill

warnings.filterwarnings("ignore")
CLASSES = [1, 4]


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.relu, self.relu_1 = nn.ReLU(), nn.ReLU()

    def forward(self, x):
        return self.relu_1(self.conv2(self.relu(self.conv1(x))) + x)


class Pooled(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.relu1, self.block = nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(), Block()
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        return self.fc(self.block(self.relu1(self.conv1(x))).mean((2, 3)))


class Dense(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.relu1 = nn.Conv2d(3, 6, 3, padding=1), nn.ReLU()
        self.conv2, self.relu2 = nn.Conv2d(6, 8, 3, padding=1), nn.ReLU()
        self.fc1, self.relu3, self.fc2 = nn.Linear(96, 12), nn.ReLU(), nn.Linear(12, 5)

    def forward(self, x):
        x = F.max_pool2d(self.relu1(self.conv1(x)), 2)
        x = F.max_pool2d(self.relu2(self.conv2(x)), 2)
        return self.fc2(self.relu3(self.fc1(x.flatten(1))))


def filled(model):
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            tensor.copy_(torch.from_numpy(fill(name, tuple(tensor.shape), -0.4, 0.4)))
    return model.double().eval()


def activations_and_gradient(model, layer, x):
    kept = {}

    def keep(_, __, output):
        kept["a"] = output.detach().requires_grad_(True)
        return kept["a"]

    handle = layer.register_forward_hook(keep)
    score = model(x)[range(2), CLASSES].sum()
    handle.remove()
    (gradient,) = torch.autograd.grad(score, kept["a"])
    return kept["a"].detach().numpy(), gradient.numpy()


def papers(a, g):
    """The papers' formulas, written as they stand there."""
    plane = lambda v: v.sum((2, 3), keepdims=True)
    positive = np.maximum(g, 0)
    denominator = 2 * g**2 + plane(a) * g**3
    alpha = np.where(g != 0, g**2 / np.where(denominator != 0, denominator, 1), 0)
    seen = np.where(positive > 0, alpha, 0)
    constant = plane(seen)
    normalised = seen / np.where(constant != 0, constant, 1)
    flat = [m.reshape(m.shape[0], -1).T for m in a]  # positions × channels
    eigen = [f @ np.linalg.svd(f, full_matrices=False)[2][0] for f in flat]
    total = plane(a)
    weights = np.where(total != 0, plane(g * a) / np.where(total != 0, total, 1), 0)
    return {
        "grad-cam++.paper": (plane(alpha * positive) * a).sum(1),
        "grad-cam++.paper-code": (plane(normalised * positive) * a).sum(1),
        "xgrad-cam.paper": (weights * a).sum(1),
        "hirescam.paper": (g * a).sum(1),
        "layercam.paper": (positive * a).sum(1),
        "eigen-cam.paper": np.stack(eigen).reshape(a.shape[0], *a.shape[2:]),
    }


def pytorch_grad_cam(method, model, layer, x, eigen_smooth):
    with method(model, [layer]) as cam:
        kept = []
        image = cam.get_cam_image

        def keep(*arguments):
            kept.append(image(*arguments))
            return kept[-1]

        cam.get_cam_image = keep
        cam(x, [ClassifierOutputTarget(index) for index in CLASSES], eigen_smooth=eigen_smooth)
    return kept[0]


PYTORCH_GRAD_CAM = {"grad-cam": GradCAM, "grad-cam++": GradCAMPlusPlus, "xgrad-cam": XGradCAM, "hirescam": HiResCAM,
                    "grad-cam-elementwise": GradCAMElementWise, "layercam": LayerCAM, "eigen-cam": EigenCAM,
                    "eigen-grad-cam": EigenGradCAM}
TORCH_CAM = {"grad-cam++": torchcam.GradCAMpp, "xgrad-cam": torchcam.XGradCAM, "layercam": torchcam.LayerCAM}


def from_layer(model, layer, x):
    """The layer's values, and the scores of both images' classes where the layer's values are others."""
    kept = {}

    def scores(replace):
        def hook(_, __, output):
            kept["a"] = output.detach()
            return replace(output)

        handle = layer.register_forward_hook(hook)
        with torch.no_grad():
            found = model(x)[range(2), CLASSES]
        handle.remove()
        return found

    scores(lambda a: a)
    return kept["a"], scores


def add_tails(golden, name, model, layer, x):
    """ReciproCAM by its definition, alone and with the authors' kernel; Ablation-CAM likewise, and pytorch-grad-cam's."""
    a, scores = from_layer(model, layer, x)
    height, width = a.shape[2:]
    kernel = torch.tensor([[1, 2, 1], [2, 4, 2], [1, 2, 1]], dtype=torch.float64) / 16
    for preset, spread in ("paper", torch.ones(1, 1, dtype=torch.float64)), ("paper-code", kernel):
        rim = spread.shape[0] // 2
        maps = torch.zeros(2, height, width, dtype=torch.float64)
        for i in range(height):
            for j in range(width):
                mask = torch.zeros(height + 2, width + 2, dtype=torch.float64)
                mask[i + 1 - rim:i + 2 + rim, j + 1 - rim:j + 2 + rim] = spread
                maps[:, i, j] = scores(lambda a: a * mask[1:-1, 1:-1])
        golden.add(f"{name}.recipro-cam.{preset}", maps)
    whole, weights = scores(lambda a: a), []
    for k in range(a.shape[1]):
        kept = torch.ones(a.shape[1], 1, 1, dtype=torch.float64)
        kept[k] = 0
        weights.append((whole - scores(lambda a: a * kept)) / whole.abs())
    weights = torch.stack(weights, 1)
    golden.add(f"{name}.ablation-cam.paper", (weights[:, :, None, None] * a).sum(1))
    for n, index in enumerate(CLASSES):
        if a[n].min() != 0 or whole[n] <= 0:
            continue
        with AblationCAM(model, [layer], ablation_layer=AblationLayer()) as cam:
            targets = [ClassifierOutputTarget(index)]
            weight = cam.get_cam_weights(x[n:n + 1], layer, targets, a[n:n + 1].numpy(), None)
        golden.add(f"{name}.ablation-cam.pytorch-grad-cam.{n}", (weight[0, :, None, None] * a[n].numpy()).sum(0))


def add_layer(golden, name, model, layer, x):
    for method, value in papers(*activations_and_gradient(model, layer, x)).items():
        golden.add(f"{name}.{method}", value)
    for method, of in PYTORCH_GRAD_CAM.items():
        if method != "grad-cam":  # make_attribution.py has it
            golden.add(f"{name}.{method}.pytorch-grad-cam", pytorch_grad_cam(of, model, layer, x, False))
        if not method.startswith("eigen"):
            golden.add(f"{name}.{method}.pytorch-grad-cam.eigen", pytorch_grad_cam(of, model, layer, x, True))
    product = LayerGradientXActivation(model, layer).attribute(x, CLASSES)
    golden.add(f"{name}.hirescam.captum", product.sum(1))
    for method, of in TORCH_CAM.items():
        with of(model, layer, input_shape=tuple(x.shape[1:])) as cam:
            scores = model(x.clone().requires_grad_(True))
            (map_,) = cam.compute_cams(CLASSES, scores, normalized=False)
        golden.add(f"{name}.{method}.torch-cam", map_)


def main():
    golden = Golden("layer_maps")
    x = torch.from_numpy(fill("layer_maps.x", (2, 3, 13, 18))).double()
    pooled, dense = filled(Pooled()), filled(Dense())
    add_layer(golden, "pooled.block.relu_1", pooled, pooled.block.relu_1, x)
    add_layer(golden, "pooled.block.conv1", pooled, pooled.block.conv1, x)
    add_layer(golden, "dense.relu2", dense, dense.relu2, x)
    add_layer(golden, "dense.conv2", dense, dense.conv2, x)
    add_layer(golden, "dense.relu1", dense, dense.relu1, x)

    for name, model, path in (("pooled", pooled, "block.relu_1"), ("pooled", pooled, "block.conv1"),
                              ("dense", dense, "relu2"), ("dense", dense, "conv2")):
        add_tails(golden, f"{name}.{path}", model, model.get_submodule(path), x)

    layers = ("relu1", "relu2")
    for method in ("grad-cam", "layercam"):
        targets = [ClassifierOutputTarget(index) for index in CLASSES]
        with PYTORCH_GRAD_CAM[method](dense, [getattr(dense, layer) for layer in layers]) as cam:
            golden.add(f"dense.fused.{method}.pytorch-grad-cam.shown", cam(x, targets))
    for method, of in ("grad-cam", torchcam.GradCAM), ("layercam", torchcam.LayerCAM):
        with of(dense, list(layers), input_shape=tuple(x.shape[1:])) as cam:
            maps = cam(CLASSES, dense(x.clone().requires_grad_(True)))
            golden.add(f"dense.fused.{method}.torch-cam", cam.fuse_cams(maps))
    shallow, deep = (torch.from_numpy(golden.tensors[f"dense.{layer}.layercam.paper"])[:, None].relu()
                     for layer in layers)
    shallow, deep = (m / m.amax((2, 3), keepdim=True) for m in (shallow, deep))
    deep = F.interpolate(deep, (13, 18), mode="bilinear", align_corners=True)
    golden.add("dense.fused.layercam.paper", torch.maximum(torch.tanh(2 * shallow), deep)[:, 0])

    coarse = torch.from_numpy(golden.tensors["dense.relu2.grad-cam++.paper-code"])[:, None].relu()
    shown = F.interpolate(coarse / coarse.amax((2, 3), keepdim=True), (13, 18), mode="bilinear", align_corners=False)
    golden.add("dense.relu2.grad-cam++.paper-code.shown", shown[:, 0])
    golden.save()


if __name__ == "__main__":
    main()
