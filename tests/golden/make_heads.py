"""What PyTorch computes, in double, of tests/models/test_heads.cpp's small heads, filled by name.

Scores, the gradients at the map and of every parameter for a dy that is filled by name, and the guided gradient at the
map, for which nn.ReLU alone has a rule.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from common import Golden, fill, fill_module
from relu_rules import apply_rule

CHANNELS, SIDES, BAG_SIDES = 3, (5, 6), (4, 4)
CAPTION_TOKENS = [[1, 5, 3, 4], [1, 2, 6, 0]]
QUESTION_TOKENS = [[1, 5, 3, 0], [2, 6, 0, 0]]
BAG_TOKENS = [[1, 5, 1, 0], [2, 6, 4, 3]]


class Encoder(nn.Module):
    """Means over 1×1 and 4×4 cells, then fully connected layers with batch norms and ReLUs."""

    def __init__(self, sizes):
        super().__init__()
        self.layers, self.relus = nn.ModuleList(), nn.ModuleList()
        features = CHANNELS * (1 + 4 * 4)
        for size in sizes:
            self.layers += [nn.Linear(features, size, bias=False), nn.BatchNorm1d(size)]
            self.relus.append(nn.ReLU())
            features = size

    def forward(self, a):
        v = torch.cat([F.adaptive_avg_pool2d(a, side).flatten(1) for side in (1, 4)], 1)
        for fc, bn, relu in zip(self.layers[::2], self.layers[1::2], self.relus):
            v = relu(bn(fc(v)))
        return v


class Caption(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder((6, 5))
        self.embed, self.lstm, self.logit = nn.Embedding(7, 5), nn.LSTM(5, 5, batch_first=True), nn.Linear(5, 7)

    def forward(self, a, tokens):
        h, _ = self.lstm(torch.cat([self.encoder(a)[:, None], self.embed(tokens)], 1))
        return self.logit(h[:, 1:])


def packed(x, tokens):
    lengths = (tokens > 0).sum(1)
    return nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)


class Vqa(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder((6,))
        self.embed, self.lstm = nn.Embedding(7, 3), nn.LSTM(3, 4, 2, batch_first=True)
        self.q, self.i, self.out = nn.Linear(16, 5), nn.Linear(6, 5), nn.Linear(5, 4)

    def forward(self, a, tokens):
        v = F.normalize(self.encoder(a), dim=1) * 6**0.5
        _, (h, c) = self.lstm(packed(torch.tanh(self.embed(tokens)), tokens))
        q = torch.cat([c[0], h[0], c[1], h[1]], 1)
        return self.out(torch.tanh(self.q(q)) * torch.tanh(self.i(v)))


class Attention(nn.Module):
    def __init__(self, d, parallel):
        super().__init__()
        self.parallel = parallel
        self.w = nn.ModuleList(nn.Linear(d, d) for _ in range(3 if parallel else 5))
        self.h = nn.ModuleList(nn.Linear(d, 1) for _ in range(2 if parallel else 3))

    def forward(self, q, v, padding):
        def softmax(scores, mask=None):
            s = scores[..., 0]
            return torch.softmax(s if mask is None else s.masked_fill(mask, -9999999), 1)[..., None]

        if self.parallel:
            c = torch.tanh(q @ self.w[0](v).mT)
            of_q, of_v = self.w[1](q), self.w[2](v)
            aq = softmax(self.h[0](torch.tanh(of_q + c @ of_v)), padding)
            av = softmax(self.h[1](torch.tanh(of_v + c.mT @ of_q)))
        else:
            a1 = softmax(self.h[0](torch.tanh(self.w[0](q))), padding)
            av = softmax(self.h[1](torch.tanh(self.w[2](v) + self.w[1]((a1 * q).sum(1))[:, None])))
            aq = softmax(self.h[2](torch.tanh(self.w[4](q) + self.w[3]((av * v).sum(1))[:, None])), padding)
        return (aq * q).sum(1) + (av * v).sum(1)


class Coattention(nn.Module):
    def __init__(self, parallel, lstm_layers, d=4):
        super().__init__()
        self.image, self.embed = nn.Linear(CHANNELS + 2, d), nn.Embedding(7, d, padding_idx=0)
        self.grams = nn.ModuleList(nn.Conv1d(d, d, size) for size in (1, 2, 3))
        self.lstm = nn.LSTM(d, d, lstm_layers, batch_first=True)
        self.levels = nn.ModuleList(Attention(d, parallel) for _ in range(3))
        self.h1, self.h2, self.h3 = nn.Linear(d, d), nn.Linear(2 * d, d), nn.Linear(2 * d, 6)
        self.out = nn.Linear(6, 4)

    def positions(self, a):
        n, _, h, w = a.shape
        line = lambda count: torch.linspace(-1, 1, count, dtype=a.dtype)
        ys, xs = torch.meshgrid(line(h), line(w), indexing="ij")
        return torch.cat([a, torch.stack([xs, ys]).expand(n, 2, h, w)], 1).flatten(2).mT

    def forward(self, a, tokens):
        padding = tokens == 0
        v = torch.tanh(self.image(self.positions(a)))
        word = torch.tanh(self.embed(tokens) * ~padding[..., None])
        grams = [g(F.pad(word.mT, p)) for g, p in zip(self.grams, ((0, 0), (1, 0), (1, 1)))]
        phrase = torch.tanh(torch.stack(grams).amax(0).mT)
        said, _ = self.lstm(packed(phrase, tokens))
        question, _ = nn.utils.rnn.pad_packed_sequence(said, batch_first=True, total_length=tokens.shape[1])
        s = [level(q, v, padding) for level, q in zip(self.levels, (word, phrase, question))]
        h1 = torch.tanh(self.h1(s[0]))
        h2 = torch.tanh(self.h2(torch.cat([s[1], h1], 1)))
        return self.out(torch.tanh(self.h3(torch.cat([s[2], h2], 1))))


class Bag(nn.Module):
    """easy-VQA's: a dense layer over maxima of 2×2, some over those of the words' rows, two over the product."""

    def __init__(self):
        super().__init__()
        self.image, self.embed = nn.Linear(CHANNELS * 4, 5), nn.Embedding(7, 7, padding_idx=0)
        self.question = nn.ModuleList((nn.Linear(7, 5), nn.Linear(5, 5)))
        self.joint, self.out = nn.Linear(5, 5), nn.Linear(5, 4)

    def forward(self, a, tokens):
        v = torch.tanh(self.image(F.max_pool2d(a, 2).flatten(1)))
        q = (self.embed(tokens) * (tokens > 0)[..., None]).amax(1)
        for dense in self.question:
            q = torch.tanh(dense(q))
        return self.out(torch.tanh(self.joint(q * v)))


class ShowAndTell(nn.Module):
    """The picture's vector is linear in the map's mean, with a batch norm; an LSTM of two layers without biases."""

    def __init__(self):
        super().__init__()
        self.image = nn.Linear(CHANNELS, 5)
        self.image.bn = nn.BatchNorm1d(5)
        self.embed, self.lstm = nn.Embedding(7, 5), nn.LSTM(5, 4, 2, bias=False, batch_first=True)
        self.logit = nn.Linear(4, 7)

    def forward(self, a, tokens):
        v = self.image.bn(self.image(a.mean((2, 3))))
        h, _ = self.lstm(torch.cat([v[:, None], self.embed(tokens)], 1))
        return self.logit(h[:, 1:])


class BasicVqa(nn.Module):
    """tbmoon's: padding is read, the vector's length is detached."""

    def __init__(self):
        super().__init__()
        self.image = nn.ModuleList(nn.Linear(*sizes) for sizes in ((CHANNELS * 4, 6), (6, 5), (5, 4)))
        self.relus = nn.ModuleList((nn.ReLU(), nn.ReLU()))
        self.embed, self.lstm = nn.Embedding(7, 3), nn.LSTM(3, 4, 2, batch_first=True)
        self.q, self.joint, self.out = nn.Linear(16, 4), nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, a, tokens):
        v = self.image[0](F.max_pool2d(a, 2).flatten(1))
        for relu, dense in zip(self.relus, self.image[1:]):
            v = dense(relu(v))
        v = v / v.norm(dim=1, keepdim=True).detach()
        _, (h, c) = self.lstm(torch.tanh(self.embed(tokens)))
        q = self.q(torch.tanh(torch.cat([c[0], h[0], c[1], h[1]], 1)))
        return self.out(torch.tanh(self.joint(torch.tanh(q * v))))


def add(golden, name, model, tokens, sides=SIDES):
    model = fill_module(model).double()
    tokens = torch.tensor(tokens)
    shape = (len(tokens), CHANNELS, *sides)
    a = torch.from_numpy(fill(f"{name}.map", shape, 0, 2).astype(np.float64)).requires_grad_()
    scores = model(a, tokens)
    dy = torch.from_numpy(fill(f"{name}.dy", tuple(scores.shape)).astype(np.float64))
    scores.backward(dy)
    golden.add(f"{name}.scores", scores)
    golden.add(f"{name}.dmap", a.grad)
    for parameter, tensor in model.named_parameters():
        golden.add(f"{name}.d{parameter}", tensor.grad)
    apply_rule(model, "guided")
    (guided,) = torch.autograd.grad(model(a, tokens), a, dy)
    golden.add(f"{name}.guided", guided)


def main():
    golden = Golden("heads")
    add(golden, "caption", Caption(), CAPTION_TOKENS)
    add(golden, "vqa", Vqa(), QUESTION_TOKENS)
    add(golden, "alternating", Coattention(parallel=False, lstm_layers=2), QUESTION_TOKENS)
    add(golden, "parallel", Coattention(parallel=True, lstm_layers=1), QUESTION_TOKENS)
    add(golden, "bag", Bag(), BAG_TOKENS, BAG_SIDES)
    add(golden, "show_and_tell", ShowAndTell(), CAPTION_TOKENS)
    add(golden, "basic_vqa", BasicVqa(), QUESTION_TOKENS, BAG_SIDES)
    golden.save()


if __name__ == "__main__":
    main()
