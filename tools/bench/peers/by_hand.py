"""By hand in PyTorch: what the packages of peer.py compute, without what they spend beside it."""

import numpy
import torch

CLASS = 7
SHARES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]


class Rectify(torch.autograd.Function):
    """ReLU, or with a limit of 6 ReLU6, whose backward follows the guided rule while `guided` is set."""

    guided = False

    @staticmethod
    def forward(context, x, limit):
        y = x.clamp(0, limit)
        context.save_for_backward(y)
        context.limit = limit
        return y

    @staticmethod
    def backward(context, gradient):
        (y,) = context.saved_tensors
        passes = y > 0 if context.limit is None else (y > 0) & (y < context.limit)
        return (gradient.clamp(min=0) if Rectify.guided else gradient) * passes, None


class Rectifier(torch.nn.Module):
    def __init__(self, limit):
        super().__init__()
        self.limit = limit

    def forward(self, x):
        return Rectify.apply(x, self.limit)


def replace_rectifiers(model):
    for name, child in model.named_children():
        if isinstance(child, (torch.nn.ReLU, torch.nn.ReLU6)):
            setattr(model, name, Rectifier(6.0 if isinstance(child, torch.nn.ReLU6) else None))
        else:
            replace_rectifiers(child)


def first_components(a):
    """Of values of a layer, N×K×h×w: each position's share in what the channels, centred, have in common."""
    rows = a.flatten(2).transpose(1, 2)
    rows = rows - rows.mean(1, keepdim=True)
    first = torch.linalg.svd(rows, full_matrices=False).Vh[:, :1].transpose(1, 2)
    return (rows @ first).reshape(len(a), *a.shape[2:])


def by_masks(model, layer, job, x):
    """Ablation-CAM's and Score-CAM's maps, which ask for the score once for each channel."""
    made = {}

    def keep(module, inputs, output):
        made["a"] = output
        return made["change"](output) if "change" in made else output

    handle = layer.register_forward_hook(keep)
    maps = []
    with torch.inference_mode():
        for picture in x:
            made.pop("change", None)
            y = model(picture[None])[0, CLASS]
            a = made["a"][0]
            if job == "ablation-cam":
                def without(output):
                    every = output.repeat(len(a), 1, 1, 1)
                    every[torch.arange(len(a)), torch.arange(len(a))] = 0
                    return every
                made["change"] = without
                weights = (y - model(picture[None])[:, CLASS]) / y
            else:
                masks = torch.nn.functional.interpolate(a[None], picture.shape[1:], mode="bilinear",
                                                        align_corners=True)[0]
                low, high = masks.amin((1, 2), keepdim=True), masks.amax((1, 2), keepdim=True)
                masks = (masks - low) / (high - low + 1e-8)
                scores = [model(picture * some[:, None])[:, CLASS] for some in masks.split(16)]
                weights = torch.cat(scores).softmax(0)
            maps.append((weights[:, None, None] * a).sum(0).relu())
    handle.remove()
    return torch.stack(maps)


def road_map(x):
    """Smooth, and without equal values: H×W."""
    means = torch.nn.functional.avg_pool2d(x[:1, :1], 32)
    return torch.nn.functional.interpolate(means, x.shape[2:], mode="bilinear")[0, 0].float()


def imputed(picture, missing):
    """Missing pixels as the weighted means of their neighbours."""
    import scipy.sparse
    import scipy.sparse.linalg

    height, width = missing.shape
    number = numpy.cumsum(missing).reshape(height, width) - 1
    rows, columns, values = [], [], []
    right = numpy.zeros((int(missing.sum()), len(picture)))
    ys, xs = numpy.nonzero(missing)
    own = number[ys, xs]
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            inside = (ys + dy >= 0) & (ys + dy < height) & (xs + dx >= 0) & (xs + dx < width)
            if (dy, dx) == (0, 0):
                continue
            weight = 1 / 12 if dy and dx else 1 / 6
            at, y, x = own[inside], ys[inside] + dy, xs[inside] + dx
            unknown = missing[y, x]
            rows += [at, at[unknown]]
            columns += [at, number[y, x][unknown]]
            values += [numpy.full(len(at), weight), numpy.full(unknown.sum(), -weight)]
            right[at[~unknown]] += weight * picture[:, y[~unknown], x[~unknown]].T
    matrix = scipy.sparse.csc_matrix((numpy.concatenate(values), (numpy.concatenate(rows), numpy.concatenate(columns))))
    filled = picture.copy()
    filled[:, ys, xs] = scipy.sparse.linalg.spsolve(matrix, right).T
    return filled


def road_by_hand(model, x):
    """Without noise."""
    changes = []
    with torch.inference_mode():
        before = model(x[:1]).softmax(1)[0, CLASS]
        for order in (road_map(x).numpy(), 1 - road_map(x).numpy()):
            for share in SHARES:
                filled = imputed(x[0].numpy(), ~(order < numpy.percentile(order, 100 * share)))
                changes.append(model(torch.from_numpy(filled)[None]).softmax(1)[0, CLASS] - before)
    return torch.stack(changes).reshape(2, -1)


def by_hand(model, layer, job):
    if job == "forward":
        def scores(x):
            with torch.inference_mode():
                return model(x)
        return scores
    if job in ("ablation-cam", "score-cam"):
        return lambda x: by_masks(model, layer, job, x)
    if job == "road":
        return lambda x: road_by_hand(model, x)
    kept = {}
    if job in ("eigen-cam", "eigen-map"):
        layer.register_forward_hook(lambda module, inputs, output: kept.update(a=output))

        def components(x):
            with torch.inference_mode():
                model(x)
                return first_components(kept["a"])
        return components

    def keep(module, inputs, output):
        # For a map alone nothing before the layer needs a gradient.
        kept["a"] = output.detach().requires_grad_() if job == "grad-cam" else output
        return kept["a"]

    layer.register_forward_hook(keep)
    if job != "grad-cam":
        replace_rectifiers(model)

    def explain(x):
        x = x.clone().requires_grad_(job != "grad-cam")
        score = model(x)[:, CLASS].sum()
        if job != "guided-backprop":
            Rectify.guided = False
            gradient, = torch.autograd.grad(score, kept["a"], retain_graph=job == "guided-grad-cam")
            cam = (gradient.mean((2, 3), keepdim=True) * kept["a"].detach()).sum(1, keepdim=True).relu()
            if job == "grad-cam":
                return cam[:, 0]
        Rectify.guided = True
        gradient, = torch.autograd.grad(score, x)
        if job == "guided-backprop":
            return gradient
        return gradient * torch.nn.functional.interpolate(cam, x.shape[2:], mode="nearest")
    return explain
