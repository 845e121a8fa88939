"""What PyTorch computes, in double, for the operations of networks that read words: y, dx and dw.

The case tables stand in tests/kernels, too; tests/support/layer_case.hpp says how inputs, tokens, parameters and dy are
filled.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from common import Golden, fill

TOKEN_IDS = 5
golden = Golden("language")


def tensor(name, shape, low=-1.0, high=1.0, step=0.0):
    values = fill(name, shape, low, high).astype(np.float64)
    if step > 0:
        values = np.floor(values / step) * step
    return torch.from_numpy(values).requires_grad_()


def token_ids(name, shape):
    return torch.from_numpy(fill(name, shape, 0, TOKEN_IDS).astype(np.int64))


def case(name, layer, *shapes, low=-1.0, high=1.0, step=0.0, parameters=(), tokens=None):
    """Runs layer(*inputs, *parameters), which gives one value or several; `tokens` is the input that holds ids."""
    x = [
        token_ids(f"{name}.x{i}", shape) if i == tokens else tensor(f"{name}.x{i}", shape, low, high, step)
        for i, shape in enumerate(shapes)
    ]
    w = [tensor(f"{name}.{p}", shape) for p, shape in parameters]
    y = layer(*x, *w)
    values = y if isinstance(y, tuple) else (y,)
    suffixes = ["", *map(str, range(1, len(values)))]
    dy = [tensor(f"{name}.dy{s}", tuple(v.shape)).detach() for s, v in zip(suffixes, values)]
    torch.autograd.backward(values, dy)
    for s, v in zip(suffixes, values):
        golden.add(f"{name}.y{s}", v)
    for i, t in enumerate(x):
        if i != tokens:
            golden.add(f"{name}.dx{i}", t.grad)
    for (p, _), t in zip(parameters, w):
        golden.add(f"{name}.d{p}", t.grad)


def embeddings():
    def embedding(name, shape, width, padding=None):
        def layer(ids, w):
            # nn.Embedding gives what the padding's row holds; here it is zero.
            y = F.embedding(ids, w, padding_idx=padding)
            return y if padding is None else y * (ids != padding)[..., None]

        case(f"embedding.{name}", layer, shape, parameters=[("weight", (TOKEN_IDS, width))], tokens=0)

    embedding("plain", (3, 7), 4)
    embedding("padded", (3, 7), 4, padding=0)
    embedding("last", (2, 13), 3, padding=4)
    embedding("wide", (1, 1), 127)


def recurrent(name, shape, hidden, layers=1, bias=True, tokens=False, state=False):
    """nn.LSTM over the steps of each item that have a word; the state as [c1 h1 c2 h2 ...]."""
    batch, steps, width = shape
    module = nn.LSTM(width, hidden, layers, bias=bias, batch_first=True).double()
    parameters = [(p, tuple(t.shape)) for p, t in module.named_parameters()]

    def layer(*given):
        given = list(given)
        x = given.pop(0)
        ids = given.pop(0) if tokens else torch.ones(batch, steps, dtype=torch.int64)
        start = given.pop(0) if state else torch.zeros(batch, 2 * layers * hidden, dtype=torch.float64)
        weights = dict(zip((p for p, _ in parameters), given))
        rows, states = [], []
        for n in range(batch):
            words = ids[n].nonzero()[:, 0]
            halves = start[n].reshape(layers, 2, 1, hidden)
            y, (h, c) = torch.zeros(steps, hidden, dtype=torch.float64), (halves[:, 1], halves[:, 0])
            if len(words):
                own = tuple(t.contiguous() for t in (h, c))
                said, (h, c) = torch.func.functional_call(module, weights, (x[n : n + 1, words], own))
                y = y.index_copy(0, words, said[0])
            rows.append(y)
            states.append(torch.stack([c[:, 0], h[:, 0]], 1).flatten())
        return torch.stack(rows), torch.stack(states)

    shapes = [shape] + [(batch, steps)] * tokens + [(batch, 2 * layers * hidden)] * state
    case(f"lstm.{name}", layer, *shapes, parameters=parameters, tokens=1 if tokens else None)


def joining():
    def maximum(a, b):
        # The first of equals takes the gradient; torch.maximum halves it.
        return torch.where(a >= b, a, b)

    case("maximum.maps", maximum, (3, 2, 5, 7), (3, 2, 5, 7))
    case("maximum.ties", maximum, (2, 3, 13), (2, 3, 13), step=0.5)
    case("broadcast_add.positions", lambda a, b: a + b, (3, 7, 5), (3, 1, 5))
    case("broadcast_add.last", lambda a, b: a + b, (2, 13, 3), (2, 13, 1))
    case("broadcast_add.equal", lambda a, b: a + b, (3, 2, 5), (3, 2, 5))
    case("broadcast_add.channels", lambda a, b: a + b, (2, 5, 3, 7), (2, 1, 3, 7))
    case("matmul.plain", torch.matmul, (3, 2, 5), (3, 5, 7))
    case("matmul.first", lambda a, b: a.mT @ b, (3, 13, 1), (3, 13, 7))
    case("matmul.second", lambda a, b: a @ b.mT, (2, 7, 33), (2, 17, 33))
    case("matmul.both", lambda a, b: a.mT @ b.mT, (2, 5, 3), (2, 7, 5))


def shaping():
    case("l2_normalize.rows", lambda x: F.normalize(x, dim=1), (3, 13))
    case("l2_normalize.words", lambda x: F.normalize(x, dim=2), (2, 3, 5))
    case("l2_normalize.short", lambda x: 3 * F.normalize(x, dim=1, eps=2.0), (4, 3))
    case("l2_normalize.detached", lambda x: x / x.norm(dim=1, keepdim=True).detach(), (3, 13))
    case("positions.map", lambda x: x.flatten(2).mT, (3, 5, 4, 7))
    case("positions.wide", lambda x: x.flatten(2).mT, (1, 3, 1, 127))
    case("positions.vector", lambda x: x[:, None], (3, 13))
    case("line_map.words", lambda x: x.mT[:, :, None], (3, 7, 5))

    def coordinates(x):
        n, _, h, w = x.shape
        line = lambda k: torch.linspace(-1, 1, k, dtype=x.dtype)
        ys, xs = torch.meshgrid(line(h), line(w), indexing="ij")
        return torch.cat([x, torch.stack([xs, ys]).expand(n, 2, h, w)], 1)

    case("coordinates.map", coordinates, (3, 2, 5, 7))
    case("coordinates.line", coordinates, (2, 1, 1, 13))


def scores():
    for function in (F.softmax, F.log_softmax):
        case(f"{function.__name__}.words", lambda x, f=function: f(x, 2), (3, 5, 7), low=-10, high=10)

    def masked(x, ids):
        mask = (ids != 0).reshape(ids.shape + (1,) * (x.dim() - 2))
        p = torch.softmax(x.masked_fill(~mask, -1e7), 1)
        return p * mask

    case("masked_softmax.words", masked, (3, 7, 1), (3, 7), low=-10, high=10, tokens=1)
    case("masked_softmax.rows", masked, (2, 13), (2, 13), low=-10, high=10, tokens=1)
    case("masked_softmax.maps", masked, (3, 5, 2, 3), (3, 5), low=-10, high=10, tokens=1)

    case("linear.words", F.linear, (3, 5, 7), parameters=[("weight", (4, 7)), ("bias", (4,))])


def n_grams():
    """A convolution over `size` words ending at the word itself, or one behind it for three."""
    for size, (before, behind) in ((1, (0, 0)), (2, (1, 0)), (3, (1, 1))):
        case(
            f"conv2d.{size}_gram",
            lambda x, w, b, padding=(before, behind): F.conv2d(F.pad(x, padding), w, b),
            (3, 4, 1, 7),
            parameters=[("weight", (5, 4, 1, size)), ("bias", (5,))],
        )


embeddings()
recurrent("plain", (3, 4, 5), 3)
recurrent("padded", (3, 7, 2), 5, tokens=True)
recurrent("two", (3, 5, 3), 4, layers=2, tokens=True)
recurrent("continued", (2, 3, 4), 3, layers=2, tokens=True, state=True)
recurrent("word", (3, 1, 7), 13, state=True)
recurrent("no_bias", (2, 4, 3), 2, bias=False)
joining()
shaping()
scores()
n_grams()
golden.save()
