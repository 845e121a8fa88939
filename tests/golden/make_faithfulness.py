"""Measures of maps: what pytorch-grad-cam, torch-cam, captum, SciPy and scikit-image find on a small network.

The network is make_layer_maps.py's Dense; picture, maps and random numbers are computed alike in C++. RISE's metric is
restated from github eclique/RISE (evaluation.py), ROAD's exact counts from tleemann/road_evaluation (road.py), which are
scripts, no packages.
"""

import warnings
from contextlib import nullcontext

import numpy as np
import torch
import torch.nn.functional as F
from captum.metrics import infidelity, sensitivity_max
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.metrics import road
from pytorch_grad_cam.metrics.arcc import Coherency
from pytorch_grad_cam.metrics.cam_mult_image import DropInConfidence
from pytorch_grad_cam.utils.model_targets import ClassifierOutputSoftmaxTarget, ClassifierOutputTarget
from scipy.ndimage import gaussian_filter
from scipy.stats import pearsonr, spearmanr
from skimage.feature import hog
from skimage.metrics import structural_similarity
from torchcam.metrics import ClassificationMetric, DeletionInsertionMetric

from common import Golden, fill, random_uniform, seed_of
from make_layer_maps import Dense, filled

warnings.filterwarnings("ignore")
CLASS = 1
HEIGHT, WIDTH = 13, 18
SHARES = [0.1, 0.3, 0.5, 0.7, 0.9]
SEED, PICTURE = 7, "picture"


def positive(name, shape):
    """Like a Grad-CAM map: half zeros."""
    return np.maximum(fill(name, shape), 0)


def bits_at(seed, index):
    """random_bits of one index, of any size."""
    mask = 2**64 - 1
    z = (seed + (index + 1) * 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)


def standard_normal(seed, draw, count):
    uniform = random_uniform(bits_at(seed, draw), 2 * count)
    return np.sqrt(-2 * np.log(uniform[0::2] + 2.0**-25)) * np.cos(2 * np.pi * uniform[1::2])


class Fixed:
    """torch-cam's extractor, of a map that is known."""

    def __init__(self, model, map):
        self.model, self.map = model, torch.from_numpy(map)

    def __call__(self, class_idx=None, scores=None, **_):
        return [self.map[None]]

    def fuse_cams(self, cams):
        return cams[0]

    def _hooks_off(self):
        return nullcontext()


def rise(model, x, map, mode):
    """CausalMetric.single_run with a row's number of pixels as its step, and gkern(11, 5); the sort made stable."""
    impulse = np.zeros((11, 11))
    impulse[5, 5] = 1
    kernel = np.zeros((3, 3, 11, 11))
    for c in range(3):
        kernel[c, c] = gaussian_filter(impulse, 5)
    blurred = F.conv2d(x, torch.from_numpy(kernel).to(x), padding=5)
    start, finish = (x, torch.zeros_like(x)) if mode == "del" else (blurred, x)
    now, finish = start.clone().reshape(3, -1), finish.reshape(3, -1)
    order = np.argsort(-map.reshape(-1), kind="stable")
    scores = []
    for i in range(HEIGHT + 1):
        scores.append(model(now.reshape(x.shape)).softmax(1)[0, CLASS].item())
        coords = order[WIDTH * i : WIDTH * (i + 1)]
        now[:, coords] = finish[:, coords]
    scores = np.array(scores)
    return blurred, scores, (scores.sum() - scores[0] / 2 - scores[-1] / 2) / (len(scores) - 1)


def exact_road(model, x, map, most_relevant_first):
    order = np.argsort(-map.reshape(-1), kind="stable")
    scores = []
    for share in SHARES:
        count = int(np.floor(share * map.size + 0.5))
        mask = np.ones(map.size, np.float32)
        mask[order[:count] if most_relevant_first else order[map.size - count :]] = 0
        imputed = road.NoisyLinearImputer(noise=0)(x[0], torch.from_numpy(mask.reshape(map.shape)))
        scores.append(model(imputed[None]).softmax(1)[0, CLASS].item())
    return scores


def occlusion(model, x, map, cells):
    drops, means = [], []
    for row in range(cells):
        for column in range(cells):
            y = slice(row * HEIGHT // cells, (row + 1) * HEIGHT // cells)
            z = slice(column * WIDTH // cells, (column + 1) * WIDTH // cells)
            hidden = x.clone()
            hidden[:, :, y, z] = 0
            drops.append((model(x) - model(hidden))[0, CLASS].item())
            means.append(map[y, z].mean())
    return drops, spearmanr(means, drops).statistic


def main():
    golden = Golden("faithfulness")
    model, single = filled(Dense()), filled(Dense()).float()
    x32 = torch.from_numpy(fill("faithfulness.x", (1, 3, HEIGHT, WIDTH)))
    x = x32.double()
    map = positive("faithfulness.map", (HEIGHT, WIDTH))
    unit = (map - map.min()) / (map.max() - map.min())
    seed = bits_at(SEED, seed_of(PICTURE))
    with torch.no_grad():
        target = [ClassifierOutputSoftmaxTarget(CLASS)]
        golden.add("drop.pytorch_grad_cam", DropInConfidence()(x, unit[None], target, model))
        metric = ClassificationMetric(Fixed(model, unit.astype(np.float64)))
        metric.update(x, CLASS)
        golden.add("drop.torch_cam", [metric.summary()["avg_drop"]])

        for mode in ("ins", "del"):
            blurred, scores, area = rise(model, x, map, mode)
            golden.add(f"rise.{mode}", scores)
            golden.add(f"rise.{mode}.area", [area])
        golden.add("rise.blurred", blurred)
        metric = DeletionInsertionMetric(Fixed(model, map.astype(np.float64)), steps=HEIGHT)
        metric.update(x, CLASS)
        golden.add("torch_cam.areas", [metric.insertion / metric.total, metric.deletion / metric.total])

        for name, missing in MASKS.items():
            picture = torch.from_numpy(fill("imputation.x", (2, 24, 31)))
            known = torch.from_numpy(np.float32(~missing()))
            golden.add(f"imputed.{name}", road.NoisyLinearImputer(noise=0)(picture, known))
        golden.add("road.morf", exact_road(single, x32, map, True))
        golden.add("road.lerf", exact_road(single, x32, map, False))
        road.NoisyLinearImputer.__init__.__defaults__ = (0.0, road.neighbors_weights)
        percentiles = [round(100 * share) for share in SHARES]
        averagers = {"morf": road.ROADMostRelevantFirstAverage, "lerf": road.ROADLeastRelevantFirstAverage}
        for name, averager in averagers.items():
            golden.add(f"road.pytorch_grad_cam.{name}", averager(percentiles)(x32, unit[None], target, single))

        drops, correlation = occlusion(model, x, map, 6)
        golden.add("occlusion.drops", drops)
        golden.add("occlusion.correlation", [correlation])

    attribution = torch.from_numpy(fill("faithfulness.attribution", (1, 3, HEIGHT, WIDTH))).double()
    noise = np.stack([standard_normal(seed, draw, x.numel()).reshape(x.shape[1:]) for draw in range(4)])
    gaussian = torch.from_numpy(0.1 * (x.max() - x.min()).item() * noise)
    squares = x.repeat(4, 1, 1, 1)
    uniform = random_uniform(seed, 8)
    for draw in range(4):  # an eighth of 13 pixels is one
        squares[draw, :, int(uniform[2 * draw] * HEIGHT), int(uniform[2 * draw + 1] * WIDTH)] = 0
    for name, perturbation in (("gaussian", gaussian), ("square", x - squares)):
        for multiplied in (False, True):
            change = perturbation / x if multiplied else perturbation
            for normalize in (False, True):
                value = infidelity(model, lambda _: (change, x - perturbation), x, attribution, target=CLASS,
                                   n_perturb_samples=4, normalize=normalize)
                golden.add(f"infidelity.{name}.{multiplied:d}{normalize:d}", value)

    def gradient(inputs):
        inputs = inputs[0] if isinstance(inputs, tuple) else inputs
        with torch.enable_grad():
            inputs = inputs.detach().requires_grad_(True)
            return torch.autograd.grad(model(inputs)[:, CLASS].sum(), inputs)

    offsets = [2 * random_uniform(bits_at(seed, draw), x.numel()).reshape(x.shape[1:]) - 1 for draw in range(4)]
    moved = x + 0.02 * torch.from_numpy(np.stack(offsets))
    golden.add("sensitivity", sensitivity_max(gradient, x, perturb_func=lambda _: moved, n_perturb_samples=4))

    with GradCAM(single, [single.relu2]) as cam:
        targets = [ClassifierOutputTarget(CLASS)]
        grayscale = cam(x32, targets)
        golden.add("coherency", Coherency()(x32, grayscale, targets, single, cam))

    tied = np.round(fill("spearman.a", (40,)) * 3), fill("spearman.b", (40,))
    golden.add("spearman", [spearmanr(*tied).statistic, pearsonr(*tied).statistic])

    a, b = positive("similarity.a", (50, 66)), positive("similarity.b", (50, 66))
    smooth = lambda m: gaussian_filter(m.astype(np.float64), 2)
    pairs = [(m.astype(np.float64) for m in pair) for pair in ((a, b), (a, a / 2), (smooth(a), smooth(b)))]
    golden.add("ssim", [structural_similarity(p, q, gaussian_weights=True, data_range=1) for p, q in pairs])
    golden.add("similarity.smooth", np.stack([smooth(a), smooth(b)]))
    golden.add("hog", hog(a.astype(np.float64), pixels_per_cell=(16, 16)))
    golden.save()


def hole():
    mask = np.zeros((24, 31), bool)
    mask[3:22, 5:31] = True
    return mask


def only_known():
    mask = np.ones((24, 31), bool)
    mask[7, 9] = False
    return mask


def corners():
    mask = np.zeros((24, 31), bool)
    mask[[0, 0, -1, -1], [0, -1, 0, -1]] = True
    return mask


MASKS = {"noise": lambda: fill("imputation.mask", (24, 31)) < 0.8, "hole": hole, "one": only_known, "corners": corners}

if __name__ == "__main__":
    main()
