"""Maps at the input, as captum and pytorch-grad-cam compute them, on the networks of make_layer_maps.py; in double.

Noise is drawn as engine/explain/sampling.cpp draws it, so that it need not be stored.
"""

import warnings

import numpy as np
import torch
from captum.attr import InputXGradient, IntegratedGradients, Saliency
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from common import Golden, fill, random_bits, random_uniform
from make_layer_maps import CLASSES, Dense, Pooled, activations_and_gradient, filled

warnings.filterwarnings("ignore")
STEPS, SAMPLES, NOISE, SEED = 12, 5, 0.2, 3


def gradient_at(model, x):
    x = x.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(model(x)[range(len(x)), CLASSES].sum(), x)
    return gradient


def trapezoid(model, x, baseline):
    """With the weights that sum to one; captum's sum to 1 − 1/n."""
    weights = np.full(STEPS, 1 / (STEPS - 1))
    weights[[0, -1]] /= 2
    path = zip(weights, np.linspace(0, 1, STEPS))
    total = sum(w * gradient_at(model, baseline + t * (x - baseline)) for w, t in path)
    return (x - baseline) * total


def draw(m, count):
    """Box and Muller, from a stream of its own for each draw."""
    stream = int(random_bits(SEED, m + 1)[m])
    uniform = random_uniform(stream, 2 * count)
    u, v = uniform[0::2] + 2.0**-25, uniform[1::2]
    return np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * v)


def noisy(x):
    sigma = NOISE * (x.amax((1, 2, 3), keepdim=True) - x.amin((1, 2, 3), keepdim=True))
    for m in range(SAMPLES):
        yield x + sigma * torch.from_numpy(draw(m, x[0].numel()).reshape(x.shape[1:]))


def main():
    golden = Golden("inputs")
    x = torch.from_numpy(fill("layer_maps.x", (2, 3, 13, 18))).double()
    baseline = torch.from_numpy(fill("inputs.baseline", (1, 3, 13, 18))).double()
    for name, model in ("pooled", filled(Pooled())), ("dense", filled(Dense())):
        golden.add(f"{name}.saliency", Saliency(model).attribute(x, CLASSES).amax(1))
        golden.add(f"{name}.input-x-gradient", InputXGradient(model).attribute(x, CLASSES))
        path = IntegratedGradients(model)
        golden.add(f"{name}.integrated", path.attribute(x, target=CLASSES, n_steps=STEPS))
        attributed, delta = path.attribute(x, baseline, CLASSES, n_steps=STEPS, return_convergence_delta=True)
        golden.add(f"{name}.integrated.baseline", attributed)
        golden.add(f"{name}.integrated.delta", delta)
        golden.add(f"{name}.integrated.trapezoid", trapezoid(model, x, baseline))
        gradients = torch.stack([gradient_at(model, each) for each in noisy(x)])
        golden.add(f"{name}.smoothgrad", gradients.mean(0))
        golden.add(f"{name}.smoothgrad-squared", (gradients**2).mean(0))
        golden.add(f"{name}.vargrad", gradients.var(0, correction=0))

    dense = filled(Dense())
    maps = []
    for each in noisy(x):
        a, g = activations_and_gradient(dense, dense.relu2, each)
        maps.append((g.mean((2, 3), keepdims=True) * a).sum(1))
    golden.add("dense.grad-cam.smoothgrad", np.mean(maps, 0))
    with GradCAM(dense, [dense.relu2]) as cam:
        golden.add("dense.grad-cam.augmentation", cam(x, [ClassifierOutputTarget(n) for n in CLASSES], aug_smooth=True))
    golden.save()


if __name__ == "__main__":
    main()
