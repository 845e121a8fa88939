"""Maps by what a network makes of the picture with parts of it hidden, on the networks of make_layer_maps.py.

Score-CAM as pytorch-grad-cam, torch-cam, the paper and its authors' code have it; occlusion as captum; RISE with masks
by torch and, as the authors make them, by scikit-image. In double. Masks are drawn as engine/explain/methods/rise.cpp
draws them, so that they need not be stored.
"""

import warnings

import numpy as np
import torch
import torch.nn.functional as F
from captum.attr import Occlusion
from pytorch_grad_cam import ScoreCAM
from skimage.transform import resize
from torchcam import methods as torchcam

from common import Golden, fill, random_bits, random_uniform
from make_layer_maps import CLASSES, Dense, Pooled, filled, from_layer, pytorch_grad_cam

warnings.filterwarnings("ignore")
COUNT, GRID, KEEP, SEED = 20, 4, 0.4, 3


def scores_of(model, x):
    with torch.no_grad():
        return model(x)[range(2), CLASSES]


def probabilities_of(model, x):
    with torch.no_grad():
        return model(x).softmax(1)[range(2), CLASSES]


def score_cam(model, a, x):
    """Algorithm 1 of the paper, and the loop of the authors' code up to its ReLU, whose map has the picture's size."""
    size = tuple(x.shape[2:])
    black = scores_of(model, torch.zeros_like(x))
    increase, code = [], torch.zeros(2, *size, dtype=torch.float64)
    for k in range(a.shape[1]):
        enlarged = F.interpolate(a[:, k:k + 1], size, mode="bilinear", align_corners=False)
        low, high = enlarged.amin((2, 3), keepdim=True), enlarged.amax((2, 3), keepdim=True)
        mask = torch.where(high > low, (enlarged - low) / (high - low), torch.zeros_like(enlarged))
        increase.append(scores_of(model, x * mask) - black)
        lives = (high > low).double()[:, 0]
        code += lives * probabilities_of(model, x * mask)[:, None, None] * enlarged[:, 0]
    weights = torch.stack(increase, 1).softmax(1)
    return (weights[:, :, None, None] * a).sum(1), code


def rise_masks(size, mirrored):
    for n in range(COUNT):
        uniform = random_uniform(int(random_bits(SEED, n + 1)[n]), 2 + GRID * GRID)
        cells = (uniform[2:] < KEEP).astype(np.float64).reshape(GRID, GRID)
        cell = [-(-extent // GRID) for extent in size]
        whole = [(GRID + 1) * c for c in cell]
        if mirrored:
            large = resize(cells, whole, order=1, mode="reflect", anti_aliasing=False)
        else:
            large = F.interpolate(torch.from_numpy(cells)[None, None], whole, mode="bilinear")[0, 0].numpy()
        y, x = int(uniform[0] * cell[0]), int(uniform[1] * cell[1])
        yield torch.from_numpy(large[y:y + size[0], x:x + size[1]])


def rise(model, x, mirrored, scores):
    total = sum(scores(model, x * mask)[:, None, None] * mask for mask in rise_masks(x.shape[2:], mirrored))
    return total / COUNT / KEEP


def main():
    golden = Golden("hidden_parts")
    x = torch.from_numpy(fill("layer_maps.x", (2, 3, 13, 18))).double()
    baseline = torch.from_numpy(fill("inputs.baseline", (1, 3, 13, 18))).double()
    pooled, dense = filled(Pooled()), filled(Dense())
    for name, model, path in (("pooled", pooled, "block.relu_1"), ("pooled", pooled, "block.conv1"),
                              ("dense", dense, "relu2"), ("dense", dense, "relu1")):
        layer = model.get_submodule(path)
        a, _ = from_layer(model, layer, x)
        paper, code = score_cam(model, a, x)
        golden.add(f"{name}.{path}.score-cam.paper", paper)
        golden.add(f"{name}.{path}.score-cam.paper-code", code)
        golden.add(f"{name}.{path}.score-cam.pytorch-grad-cam", pytorch_grad_cam(ScoreCAM, model, layer, x, False))
        with torchcam.ScoreCAM(model, layer, input_shape=tuple(x.shape[1:])) as cam:
            (map_,) = cam.compute_cams(CLASSES, model(x), normalized=False)
        golden.add(f"{name}.{path}.score-cam.torch-cam", map_)
    for name, model in ("pooled", pooled), ("dense", dense):
        occlusion = Occlusion(model)
        golden.add(f"{name}.occlusion", occlusion.attribute(x, (3, 4, 4), (3, 4, 4), target=CLASSES)[:, 0])
        golden.add(f"{name}.occlusion.overlapping",
                   occlusion.attribute(x, (3, 5, 5), (3, 3, 3), baselines=baseline, target=CLASSES)[:, 0])
        golden.add(f"{name}.rise", rise(model, x, False, scores_of))
        golden.add(f"{name}.rise.paper-code", rise(model, x, True, probabilities_of))
    golden.save()


if __name__ == "__main__":
    main()
