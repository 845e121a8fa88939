"""Measures of maps: what pytorch-grad-cam, torch-cam, captum, SciPy and scikit-image find on a small network.

The network is make_layer_maps.py's Dense; picture, maps and random numbers are computed alike in C++. RISE's and ROAD's
authors' own scripts are run, on a map without ties, which they sort as they come.
"""

import sys
import types
import warnings
from contextlib import nullcontext
from unittest.mock import patch

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

from common import Golden, fill, random_uniform, seed_of, use_scripts
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


def rise(golden, model, x, map):
    """eclique/RISE, its GPU being this CPU: a row's number of pixels a step, the blur of its notebooks."""
    use_scripts("eclique/RISE", "fac5d54225977091dc18cc71ef8e07f726c3bc20", "evaluation.py", "utils.py")
    import evaluation

    evaluation.HW = map.size
    kernel = evaluation.gkern(11, 5).to(x)
    blur = lambda x: F.conv2d(x, kernel, padding=5)
    golden.add("rise.blurred", blur(x))
    probabilities = lambda x: model(x).softmax(1)
    with patch.object(torch.Tensor, "cuda", lambda self: self):
        for mode, substrate in (("ins", blur), ("del", torch.zeros_like)):
            metric = evaluation.CausalMetric(probabilities, mode, WIDTH, substrate)
            scores = metric.single_run(x, map)
            golden.add(f"rise.{mode}", scores)
            golden.add(f"rise.{mode}.area", [evaluation.auc(scores)])


class FirstClass(torch.nn.Module):
    """The probability that run_road measures is that of class 0."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x).roll(-CLASS, 1)


def original_road(golden, model, x, map):
    """tleemann/road_evaluation, without noise. A share removed is told in pixels; of LeRF, what is told is kept."""
    for name, unused in ("gisp.models.gsmv", "GNet_ResNet"), ("gpu_dataloader", "ImputingDataLoaderWrapper"):
        module = sys.modules[f"road.{name}"] = types.ModuleType(name)  # of another imputation: a trained network's
        setattr(module, unused, None)
    files = ("__init__", "imputations", "imputed_dataset", "retraining", "road", "utils")
    use_scripts("tleemann/road_evaluation", "7e494b45fa8b25f2c41f5a1321e71b442a7eceed",
                *(f"road/{name}.py" for name in files))
    import road as original

    measure = original.road.road_eval  # whose numbers NumPy 2 gives a type that torch refuses
    original.road.road_eval = lambda *arguments: [float(number) for number in measure(*arguments)]
    removed = [int(np.floor(share * map.size + 0.5)) for share in SHARES]
    for order, counts in (("morf", removed), ("lerf", [map.size - count for count in removed])):
        with patch("numpy.random.randn", lambda *shape: np.zeros(shape)):
            _, probabilities = original.run_road(
                FirstClass(model), [(x[0], 0)], [map[..., None]], None, [(count + 0.5) / map.size for count in counts],
                morf=order == "morf", imputation=original.imputations.NoisyLinearImputer(noise=0))
        golden.add(f"road.{order}", probabilities)


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
    untied = fill("faithfulness.untied", (HEIGHT, WIDTH), 0, 1)
    assert len(np.unique(untied)) == untied.size
    unit = (map - map.min()) / (map.max() - map.min())
    seed = bits_at(SEED, seed_of(PICTURE))
    with torch.no_grad():
        target = [ClassifierOutputSoftmaxTarget(CLASS)]
        golden.add("drop.pytorch_grad_cam", DropInConfidence()(x, unit[None], target, model))
        metric = ClassificationMetric(Fixed(model, unit.astype(np.float64)))
        metric.update(x, CLASS)
        golden.add("drop.torch_cam", [metric.summary()["avg_drop"]])

        rise(golden, model, x, untied)
        metric = DeletionInsertionMetric(Fixed(model, map.astype(np.float64)), steps=HEIGHT)
        metric.update(x, CLASS)
        golden.add("torch_cam.areas", [metric.insertion / metric.total, metric.deletion / metric.total])

        for name, missing in MASKS.items():
            picture = torch.from_numpy(fill("imputation.x", (2, 24, 31)))
            known = torch.from_numpy(np.float32(~missing()))
            golden.add(f"imputed.{name}", road.NoisyLinearImputer(noise=0)(picture, known))
        original_road(golden, single, x32, untied)
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
