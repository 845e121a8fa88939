"""What PyTorch computes, in double, for the case tables of tests/kernels: y, dx and dw of every layer.

The tables stand there too; tests/support/layer_case.hpp says how inputs, parameters and dy are filled.
"""

import numpy as np
import torch
import torch.nn.functional as F

from common import Golden, fill

golden = Golden("layers")


def tensor(name, shape, low=-1.0, high=1.0, step=0.0):
    values = fill(name, shape, low, high).astype(np.float64)
    if step > 0:
        values = np.floor(values / step) * step
    return torch.from_numpy(values).requires_grad_()


def case(name, layer, *shapes, low=-1.0, high=1.0, step=0.0, parameters=()):
    """Runs layer(*inputs, *parameters); parameters are (name, shape) pairs."""
    x = [tensor(f"{name}.x{i}", shape, low, high, step) for i, shape in enumerate(shapes)]
    w = [tensor(f"{name}.{p}", shape) for p, shape in parameters]
    y = layer(*x, *w)
    y.backward(tensor(f"{name}.dy", tuple(y.shape)).detach())
    golden.add(f"{name}.y", y)
    for i, t in enumerate(x):
        golden.add(f"{name}.dx{i}", t.grad)
    for (p, _), t in zip(parameters, w):
        golden.add(f"{name}.d{p}", t.grad)


def pooling():
    def maximum(name, shape, kernel, step=0.0, **options):
        case(f"max_pool2d.{name}", lambda x: F.max_pool2d(x, kernel, **options), shape, step=step)

    maximum("one", (1, 1, 1, 1), 1)
    maximum("even", (3, 2, 13, 8), 2)
    maximum("overlapping", (2, 3, 7, 10), 3, stride=2, padding=1)
    maximum("ceil", (1, 2, 13, 12), 3, stride=2, ceil_mode=True)
    maximum("ceil_larger", (1, 2, 2, 5), 3, stride=2, ceil_mode=True)
    maximum("ceil_drops", (1, 2, 4, 7), 2, stride=3, padding=1, ceil_mode=True)
    maximum("oblong", (1, 2, 5, 127), (3, 2), stride=(1, 3), padding=(1, 0))
    maximum("dilated", (2, 1, 9, 11), 3, stride=1, padding=1, dilation=2)
    maximum("ties", (3, 2, 6, 5), 3, step=0.5, stride=1, padding=1)

    def average(name, shape, kernel, **options):
        case(f"avg_pool2d.{name}", lambda x: F.avg_pool2d(x, kernel, **options), shape)

    average("one", (1, 1, 1, 1), 1)
    average("even", (3, 2, 13, 8), 2)
    average("padded", (2, 3, 7, 10), 3, stride=2, padding=1)
    average("inside", (2, 3, 7, 10), 3, stride=2, padding=1, count_include_pad=False)
    average("ceil", (1, 2, 6, 8), 3, stride=2, padding=1, ceil_mode=True)
    average("ceil_inside", (1, 2, 6, 8), 3, stride=2, padding=1, ceil_mode=True, count_include_pad=False)
    average("ceil_larger", (1, 2, 2, 5), 3, stride=2, ceil_mode=True)
    average("ceil_drops", (1, 2, 4, 7), 2, stride=3, padding=1, ceil_mode=True)
    average("oblong", (1, 2, 5, 127), (3, 2), stride=(1, 3), padding=(1, 0))

    def adaptive(name, shape, output):
        case(f"adaptive_avg_pool2d.{name}", lambda x: F.adaptive_avg_pool2d(x, output), shape)

    adaptive("global", (3, 2, 7, 7), 1)
    adaptive("uneven", (2, 2, 13, 8), (2, 3))
    adaptive("enlarging", (1, 2, 5, 6), 7)
    adaptive("wide", (1, 3, 6, 127), (4, 13))


def normalisation():
    def batch_norm(name, shape, training, momentum=0.1, eps=1e-5):
        name = f"batch_norm2d.{name}"
        c = shape[1]
        mean = tensor(f"{name}.running_mean", (c,)).detach()
        variance = tensor(f"{name}.running_var", (c,), 0.5, 2).detach()

        def layer(x, w, b):
            return F.batch_norm(x, mean, variance, w, b, training, momentum, eps)

        case(name, layer, shape, low=-2, high=3, parameters=[("weight", (c,)), ("bias", (c,))])
        if training:
            golden.add(f"{name}.running_mean", mean)
            golden.add(f"{name}.running_var", variance)

    batch_norm("inference", (3, 5, 4, 7), False)
    batch_norm("row", (1, 1, 1, 127), False, eps=1e-3)
    batch_norm("training", (3, 5, 4, 7), True)
    batch_norm("training_pixels", (13, 3, 1, 1), True, momentum=0.3)

    def response_norm(name, shape, size, **options):
        case(
            f"local_response_norm.{name}",
            lambda x: F.local_response_norm(x, size, **options),
            shape,
            low=-3,
            high=3,
        )

    response_norm("alexnet", (2, 7, 3, 5), 5, alpha=1e-4, beta=0.75, k=2.0)
    response_norm("even", (1, 6, 1, 13), 4, alpha=0.5, beta=0.75, k=1.0)
    response_norm("root", (3, 5, 2, 3), 3, alpha=1.0, beta=0.5, k=1.0)
    response_norm("wider", (1, 3, 2, 127), 9, alpha=0.3, beta=1.5, k=0.5)


def joining():
    case("add.residual", lambda a, b: a + b, (3, 2, 5, 7), (3, 2, 5, 7))
    case("add.row", lambda a, b: a + b, (1, 127), (1, 127))
    for name, a, b in (
        ("equal", (3, 2, 5, 7), (3, 2, 5, 7)),
        ("channels", (3, 2, 5, 7), (3, 2, 1, 1)),
        ("channels_first", (3, 2, 1, 1), (3, 2, 5, 7)),
        ("positions", (3, 2, 5, 7), (3, 1, 5, 7)),
        ("images", (3, 2, 5, 7), (3, 1, 1, 1)),
        ("both", (3, 1, 5, 1), (3, 4, 1, 7)),
        ("lines", (3, 2, 1, 7), (3, 2, 5, 7)),
        ("alternating", (2, 1, 5, 1), (2, 3, 5, 7)),
        ("weights", (3, 2, 5, 7), (1, 2, 1, 1)),
        ("rows", (3, 13), (3, 1)),
    ):
        case(f"multiply.{name}", lambda a, b: a * b, a, b)
    case("concat.maps", lambda *x: torch.cat(x, 1), (3, 1, 3, 5), (3, 3, 3, 5), (3, 2, 3, 5))
    case("concat.rows", lambda *x: torch.cat(x, 1), (2, 13), (2, 1))
    case("flatten.maps", lambda x: torch.flatten(x, 1), (3, 2, 5, 1))

    def shortcut(name, shape, channels, stride):
        front = (channels - shape[1]) // 2
        case(
            f"strided_identity_pad.{name}",
            lambda x: F.pad(x[:, :, ::stride, ::stride], (0, 0, 0, 0, front, front)),
            shape,
        )

    shortcut("halving", (2, 4, 7, 6), 8, 2)
    shortcut("channels", (1, 3, 1, 13), 7, 1)
    shortcut("thirds", (3, 2, 5, 127), 2, 3)


def activations():
    case("relu.maps", F.relu, (3, 2, 5, 7))
    case("relu6.maps", F.relu6, (3, 2, 5, 7), low=-3, high=9)
    for name, function in (
        ("sigmoid", torch.sigmoid),
        ("tanh", torch.tanh),
        ("silu", F.silu),
        ("hard_sigmoid", F.hardsigmoid),
        ("hard_swish", F.hardswish),
        ("leaky_relu", lambda x: F.leaky_relu(x, 0.1)),
        ("gelu", F.gelu),
        ("gelu_tanh", lambda x: F.gelu(x, approximate="tanh")),
    ):
        case(f"{name}.maps", function, (3, 2, 5, 7), low=-6, high=6)
        case(f"{name}.kinks", function, (3, 13), low=-4, high=5, step=1)
    for function in (F.softmax, F.log_softmax):
        kind = function.__name__
        for name, shape in (("scores", (3, 13)), ("one", (2, 1)), ("wide", (1, 127)), ("maps", (2, 5, 3, 4))):
            case(f"{kind}.{name}", lambda x, f=function: f(x, 1), shape, low=-10, high=10)


def cross_entropy():
    for name, shape, smoothing in (
        ("plain", (3, 13), 0.0),
        ("smoothed", (3, 13), 0.1),
        ("wide", (1, 127), 1.0),
    ):
        x = tensor(f"cross_entropy.{name}.x0", shape, -10, 10)
        labels = torch.arange(shape[0]) * 5 % shape[1]
        loss = F.cross_entropy(x, labels, label_smoothing=smoothing)
        loss.backward()
        golden.add(f"cross_entropy.{name}.y", loss.reshape(1))
        golden.add(f"cross_entropy.{name}.dx0", x.grad)


pooling()
normalisation()
joining()
activations()
cross_entropy()
golden.save()
