"""Maps that need a rule or every bias, as FullGrad's authors, pytorch-grad-cam, captum and zennit have them.

On the networks of make_layer_maps.py, with modules where those programs look for modules, and on one with batch norm. In
double.
"""

import warnings
from unittest import mock

import numpy as np
import torch
import torch.nn.functional as F
from captum.attr import LRP, DeepLift, GradientShap
from captum.attr._core.deep_lift import SUPPORTED_NON_LINEAR, nonlinear
from pytorch_grad_cam import FullGrad
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn
from zennit.attribution import Gradient
from zennit.canonizers import SequentialMergeBatchNorm
from zennit.composites import (EpsilonAlpha2Beta1Flat, EpsilonGammaBox, EpsilonPlusFlat, LayerMapComposite,
                               layer_map_base)
from zennit.layer import Sum
from zennit.rules import Epsilon
from zennit.types import Linear

from common import Golden, fill, fill_module, random_bits, random_uniform, seed_of
from make_layer_maps import CLASSES, filled

warnings.filterwarnings("ignore")
DRAWS, SEED = 7, 3


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.relu, self.relu_1, self.add = nn.ReLU(), nn.ReLU(), Sum()

    def forward(self, x):
        return self.relu_1(self.add(torch.stack([self.conv2(self.relu(self.conv1(x))), x], -1)))


class Pooled(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.relu1, self.block = nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(), Block()
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(8, 5)

    def forward(self, x):
        return self.fc(self.avgpool(self.block(self.relu1(self.conv1(x)))).flatten(1))


class Dense(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.relu1, self.pool1 = nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)
        self.conv2, self.relu2, self.pool2 = nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)
        self.fc1, self.relu3, self.fc2 = nn.Linear(96, 12), nn.ReLU(), nn.Linear(12, 5)

    def forward(self, x):
        x = self.pool2(self.relu2(self.conv2(self.pool1(self.relu1(self.conv1(x))))))
        return self.fc2(self.relu3(self.fc1(x.flatten(1))))


class Normed(nn.Module):
    """Batch norm behind convolutions with a bias and without, and an activation that ends."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1, self.relu1 = nn.Conv2d(3, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU6()
        self.conv2, self.bn2, self.relu2 = nn.Conv2d(6, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU()
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(8, 5)

    def forward(self, x):
        x = self.relu2(self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x))))))
        return self.fc(self.avgpool(x).flatten(1))


def normed():
    model = Normed()
    fill_module(model)
    return model.double().eval()


def bias_terms(model, x):
    """x∘∂y/∂x and b∘∂y/∂z of every convolution and batch norm that has a bias, as the authors' code takes them."""
    kept, layers = [], [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.BatchNorm2d)) and m.bias is not None]
    handles = [m.register_forward_hook(lambda _, __, z: kept.append(z)) for m in layers]
    x = x.clone().requires_grad_(True)
    score = model(x)[range(len(x)), CLASSES].sum()
    for handle in handles:
        handle.remove()
    gradients = torch.autograd.grad(score, [x] + kept)
    terms = [(x * gradients[0]).detach()]
    for layer, gradient in zip(layers, gradients[1:]):
        bias = layer.bias
        if isinstance(layer, nn.BatchNorm2d):
            bias = bias - layer.running_mean * layer.weight / torch.sqrt(layer.running_var + layer.eps)
        terms.append((gradient * bias[None, :, None, None]).detach())
    return terms


def full_grad(model, x, epsilon):
    total = 0
    for term in bias_terms(model, x):
        term = term.abs()
        term = term - term.amin((1, 2, 3), keepdim=True)
        term = term / (term.amax((1, 2, 3), keepdim=True) + epsilon)
        total = total + F.interpolate(term, size=x.shape[2:], mode="bilinear", align_corners=True).sum(1)
    return total


def pytorch_grad_cam(model, x):
    """Before its last scaling."""
    maps = []
    for n, index in enumerate(CLASSES):
        cam = FullGrad(model, [])
        with mock.patch.object(cam, "aggregate_multi_layers", lambda all: np.sum(all, axis=1)):
            maps.append(cam(x[n:n + 1], [ClassifierOutputTarget(index)])[0])
        cam.activations_and_grads.release()
    return np.stack(maps)


def gradient_shap(model, x, baselines):
    """captum's sum over draws, with the draws of engine/explain/methods/inputs.cpp: which baseline, and where between.

    captum draws for every image anew.
    """
    draws = [random_uniform(int(random_bits(SEED ^ int(seed_of("gradient-shap")), m + 1)[m]), 2) for m in range(DRAWS)]
    which = np.array([int(u[1] * len(baselines)) for u in draws])
    found = []
    for n, index in enumerate(CLASSES):
        with mock.patch("numpy.random.choice", lambda *_: which), \
                mock.patch("numpy.random.uniform", lambda *_: np.array([u[0] for u in draws])):
            found.append(GradientShap(model).attribute(x[n:n + 1], baselines, n_samples=DRAWS, target=index))
    return torch.cat(found)


def multiplier(given, x, reference):
    return torch.where(x == reference, 0, given / torch.where(x == reference, 1, x - reference))


class Rectify(torch.autograd.Function):
    """Of a batch whose second half are the references; backward gives both halves dy·Δout/Δin."""

    @staticmethod
    def forward(ctx, x, ceiling):
        y = x.clamp(0, ceiling)
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx, dy):
        ((x, reference), (y, there)) = (saved.chunk(2) for saved in ctx.saved_tensors)
        return torch.cat(2 * [multiplier(dy.chunk(2)[0] * (y - there), x, reference)]), None


class Pool(torch.autograd.Function):
    """The same of 2×2 maxima: max(y, y′) − y′ is given to the place of y, y − max(y, y′) to that of y′."""

    @staticmethod
    def forward(ctx, x):
        y, indices = F.max_pool2d(x, 2, return_indices=True)
        ctx.save_for_backward(x, y, indices)
        return y

    @staticmethod
    def backward(ctx, dy):
        ((x, reference), (y, there), (place, place_there)) = (saved.chunk(2) for saved in ctx.saved_tensors)
        top, dy = torch.maximum(y, there), dy.chunk(2)[0]
        given = torch.zeros_like(x).flatten(2)
        given.scatter_add_(2, place.flatten(2), (dy * (top - there)).flatten(2))
        given.scatter_add_(2, place_there.flatten(2), (dy * (y - top)).flatten(2))
        return torch.cat(2 * [multiplier(given.reshape(x.shape), x, reference)])


class Call(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def replaced(model, kind, function_of):
    for name, child in model.named_children():
        if isinstance(child, kind):
            setattr(model, name, Call(function_of(child)))
        else:
            replaced(child, kind, function_of)
    return model


def deep_lift(model, x, baseline):
    """As the paper has it, and captum but for its maximum pooling, whose attributions do not add up."""
    baseline = baseline.expand_as(x)
    model = replaced(model, nn.MaxPool2d, lambda _: Pool.apply)
    with mock.patch.dict(SUPPORTED_NON_LINEAR, {nn.ReLU6: nonlinear}):  # captum takes the gradient there
        expected = DeepLift(model).attribute(x, baseline, CLASSES)
    model = replaced(model, (nn.ReLU, nn.ReLU6),
                     lambda m: lambda x, c=6.0 if isinstance(m, nn.ReLU6) else np.inf: Rectify.apply(x, c))
    both = torch.cat([x, baseline]).requires_grad_(True)
    scores = model(both)
    (multipliers,) = torch.autograd.grad(scores[range(2), CLASSES].sum(), both)
    found = (x - baseline) * multipliers[:2]
    assert (found - expected).abs().max() < 1e-12
    difference = scores[range(2), CLASSES] - scores[[2, 3], CLASSES]
    assert (found.sum((1, 2, 3)) - difference).abs().max() < 1e-12
    return found


def relevance(model, x, composite):
    """Of the score itself, put in at the output."""
    with torch.no_grad():
        scores = model(x)
    seed = torch.zeros_like(scores)
    seed[range(2), CLASSES] = scores[range(2), CLASSES]
    with Gradient(model, composite) as attributor:
        return attributor(x, seed)[1]


def main():
    golden = Golden("rules")
    x = torch.from_numpy(fill("layer_maps.x", (2, 3, 13, 18))).double()
    baselines = torch.from_numpy(fill("rules.baselines", (3, 3, 13, 18))).double()
    low = torch.tensor([-1.5, -1.25, -1.0]).double().reshape(1, 3, 1, 1)
    high = torch.tensor([1.0, 1.25, 1.5]).double().reshape(1, 3, 1, 1)
    for name, make in ("pooled", lambda: filled(Pooled())), ("dense", lambda: filled(Dense())), ("normed", normed):
        golden.add(f"{name}.fullgrad.paper", full_grad(make(), x, 0))
        golden.add(f"{name}.fullgrad.paper-code", full_grad(make(), x, 1e-6))
        golden.add(f"{name}.fullgrad.pytorch-grad-cam", pytorch_grad_cam(make(), x))
        golden.add(f"{name}.gradient-shap", gradient_shap(make(), x, baselines))
        golden.add(f"{name}.deep-lift", deep_lift(make(), x, baselines[:1]))
        merge = {"canonizers": [SequentialMergeBatchNorm()]}
        composites = {
            "lrp-epsilon": LayerMapComposite(layer_map_base() + [(Linear, Epsilon(1e-6))], **merge),
            "lrp-gamma-box": EpsilonGammaBox(low=low, high=high, **merge),
            "lrp-plus-flat": EpsilonPlusFlat(**merge),
            "lrp-alpha-beta-flat": EpsilonAlpha2Beta1Flat(**merge),
        }
        for method, composite in composites.items():
            golden.add(f"{name}.{method}", relevance(make(), x, composite))
    captum = LRP(filled(Dense())).attribute(x.clone().requires_grad_(True), CLASSES)
    zennit = relevance(filled(Dense()), x, LayerMapComposite(layer_map_base() + [(Linear, Epsilon(1e-9))]))
    assert (captum - zennit).abs().max() < 1e-7  # that nothing but ε differs, which captum adds at poolings, too
    golden.add("dense.lrp-epsilon.captum", captum)
    golden.save()


if __name__ == "__main__":
    main()
