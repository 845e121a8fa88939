"""Targets: gradients of what pytorch-grad-cam and torch-cam explain of a class, and whole maps of Finer-CAM.

Scores are seeded; so is the network of make_layer_maps.py that the maps are of. In double.
"""

import warnings

import torch
from pytorch_grad_cam import FinerCAM, GradCAM
from pytorch_grad_cam.utils.model_targets import (ClassifierOutputSoftmaxTarget, FinerWeightedTarget,
                                                   SemanticSegmentationTarget)
from torchcam import methods as torchcam

from common import Golden, fill
from make_layer_maps import CLASSES, Dense, Pooled, filled

warnings.filterwarnings("ignore")
INDEX = [2, 0, 6]  # of each row of scores


def nearest(y, n):
    """FinerCAM.forward's choice: the classes 1 to 3 by distance, of which the class itself is 0."""
    return [int(c) for c in (y - y[n]).abs().argsort(stable=True) if c != n][:3]


def mean_reference(y, n):
    """torch-cam's FinerCAM, gamma 0.6."""
    return y[n] - 0.6 * y[nearest(y, n)].mean()


AIMS = {
    "probability": lambda y, n: ClassifierOutputSoftmaxTarget(n)(y),
    "log-probability": lambda y, n: torch.log_softmax(y, 0)[n],
    "finer-pytorch-grad-cam": lambda y, n: FinerWeightedTarget(n, nearest(y.detach(), n), 1)(y),
    "finer-torch-cam": mean_reference,
    "sigmoid.probability": lambda y, n: torch.sigmoid(y[n]),
    "sigmoid.log-probability": lambda y, n: torch.nn.functional.logsigmoid(y[n]),
    "against": lambda y, n: y[n] - y[3] + 0.5 * y[5],
    "probability.against": lambda y, n: torch.softmax(y, 0)[n] - torch.softmax(y, 0)[3] + 0.5 * torch.softmax(y, 0)[5],
}


class Features(torch.nn.Module):
    """What the head of `pooled` pools, as in pytorch-grad-cam's notebook on embeddings."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model.block(self.model.relu1(self.model.conv1(x))).mean((2, 3))


class DenseMap(torch.nn.Module):
    """The last map of `dense`, in the place of a segmentation's."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        x = torch.nn.functional.max_pool2d(self.model.relu1(self.model.conv1(x)), 2)
        return self.model.relu2(self.model.conv2(x))


def raw_map(model, layer, x, targets):
    with GradCAM(model, [layer]) as cam:
        kept = []
        image = cam.get_cam_image
        cam.get_cam_image = lambda *a: kept.append(image(*a)) or kept[-1]
        cam(x, targets)
    return kept[0]


def main():
    golden = Golden("targets")
    scores = torch.from_numpy(fill("targets.scores", (3, 7), -3, 3)).double()
    for name, aim in AIMS.items():
        y = scores.clone().requires_grad_(True)
        values = torch.stack([aim(y[row], n) for row, n in enumerate(INDEX)])
        (gradient,) = torch.autograd.grad(values.sum(), y)
        golden.add(f"{name}.value", values)
        golden.add(f"{name}.gradient", gradient)

    x = torch.from_numpy(fill("layer_maps.x", (2, 3, 13, 18))).double()
    dense = filled(Dense())
    scores = dense(x).detach()
    with FinerCAM(dense, [dense.relu2], base_method=GradCAM) as cam:
        kept = []
        image = cam.base_cam.get_cam_image
        cam.base_cam.get_cam_image = lambda *a: kept.append(image(*a)) or kept[-1]
        targets = [FinerWeightedTarget(n, nearest(scores[row], n), 1) for row, n in enumerate(CLASSES)]
        cam(x, targets)
    golden.add("map.finer-pytorch-grad-cam", kept[0])
    with torchcam.FinerCAM(dense, "relu2", input_shape=tuple(x.shape[1:])) as cam:
        (map_,) = cam(CLASSES, dense(x.clone().requires_grad_(True)), normalized=False)
    golden.add("map.finer-torch-cam", map_)
    like = torch.from_numpy(fill("targets.like", (8,), 0, 1)).double()
    pooled = filled(Pooled())
    features = Features(pooled)
    golden.add("similarity.value", torch.nn.functional.cosine_similarity(features(x), like[None]))
    golden.add("similarity.map", raw_map(features, pooled.block.relu, x,
                                         [lambda v: torch.nn.functional.cosine_similarity(v, like, dim=0)] * 2))
    mask = fill("targets.mask", (6, 9), 0, 1)
    dense_map = DenseMap(dense)
    golden.add("mask.map", raw_map(dense_map, dense.relu1, x, [SemanticSegmentationTarget(3, mask)] * 2))
    golden.save()


if __name__ == "__main__":
    main()
