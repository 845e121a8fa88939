"""Captioners and question answerers as their authors' code has them, for tests/models/test_public_networks.cpp.

Writes public_networks/: small files of decoders as torch.save and pickle write them, filled by name, and keys.txt, the
names and shapes of every file, small ones and those of the sources' sizes, with the count of their parameters. And
public_networks.safetensors: what PyTorch computes in double of a picture of noise, prepared as the sources do: scores,
the likeliest words one by one, and the plain Grad-CAM of one score.

CNNs are as deep as the small files' tests can afford: a ResNet-18, a ResNet-50 of Caffe's strides, a VGG-11.
"""

import argparse
import io
import pickle
import sys
import types

import numpy as np
import torch
import torchvision
from PIL import Image
from torch import nn

from common import HERE, Golden, fill, fill_module

FILES = HERE / "public_networks"
TUTORIAL_WORDS = ["<pad>", "<start>", "<end>", "<unk>", "a", "red", "star", "above", "."]
SHOW_TELL_WORDS = ["a", "red", "star", "above", "ring", "blue", "UNK"]  # ids from 1
QUESTION_WORDS = ["<pad>", "<unk>", ",", "?", "a", "is", "red", "star", "what"]
ANSWERS = ["<unk>", "yes", "no", "red"]
CAPTION, ASKED = [4, 5, 6, 7], [8, 5, 4, 6, 7, 3]
golden = Golden("public_networks")


class Encoder(nn.Module):
    """The tutorial's: a ResNet without its last layer as `resnet`, then one layer and its norm."""

    def __init__(self, resnet, word_size):
        super().__init__()
        self.resnet = nn.Sequential(*list(resnet.children())[:-1])
        self.linear, self.bn = nn.Linear(resnet.fc.in_features, word_size), nn.BatchNorm1d(word_size)

    def map(self, x):
        return self.resnet[:-1](x)

    def vector(self, a):
        return self.bn(self.linear(a.mean((2, 3))))


class Decoder(nn.Module):
    def __init__(self, words, word_size, hidden):
        super().__init__()
        self.embed = nn.Embedding(words, word_size)
        self.lstm = nn.LSTM(word_size, hidden, 1, batch_first=True)
        self.linear = nn.Linear(hidden, words)

    def forward(self, vector, ids):
        h, _ = self.lstm(torch.cat([vector[:, None], self.embed(ids)], 1))
        return self.linear(h)[:, 1:]


class ShowTell(nn.Module):
    def __init__(self, features, words, word_size, hidden):
        super().__init__()
        self.img_embed = nn.Linear(features, word_size)
        self.core = nn.LSTM(word_size, hidden, 1, bias=False)
        self.embed, self.logit = nn.Embedding(words, word_size), nn.Linear(hidden, words)

    def vector(self, a):
        return self.img_embed(a.mean((2, 3)))

    def forward(self, vector, ids):
        h, _ = self.core(torch.cat([vector[None], self.embed(ids).transpose(0, 1)]))
        return self.logit(h.transpose(0, 1))[:, 1:]


class FiveGates(nn.Module):
    """Of the fc model, the keys."""

    def __init__(self, features, words, size):
        super().__init__()
        self.img_embed, self.core = nn.Linear(features, size), nn.Module()
        self.core.i2h, self.core.h2h = nn.Linear(size, 5 * size), nn.Linear(size, 5 * size)
        self.embed, self.logit = nn.Embedding(words, size), nn.Linear(size, words)


def caffe_resnet(name):
    """The strides of the features of ImageCaptioning.pytorch."""
    net = getattr(torchvision.models, name)(weights=None)
    net.maxpool = nn.MaxPool2d(3, 2, 0, ceil_mode=True)
    for stage in (net.layer2, net.layer3, net.layer4):
        stage[0].conv1.stride, stage[0].conv2.stride = (2, 2), (1, 1)
    return net


def resnet_map(net, x):
    for module in list(net.children())[:-2]:
        x = module(x)
    return x


class ImageEncoder(nn.Module):
    def __init__(self, vgg, size):
        super().__init__()
        self.model, self.fc = vgg, nn.Linear(vgg.classifier[3].out_features, size)

    def forward(self, a):
        v = self.fc(self.model.classifier(self.model.avgpool(self.model.features[-1:](a)).flatten(1)))
        return v / v.norm(p=2, dim=1, keepdim=True).detach()


class QuestionEncoder(nn.Module):
    def __init__(self, words, word_size, hidden, size):
        super().__init__()
        self.word2vec, self.lstm = nn.Embedding(words, word_size), nn.LSTM(word_size, hidden, 2)
        self.fc = nn.Linear(4 * hidden, size)

    def forward(self, ids):
        _, (h, c) = self.lstm(torch.tanh(self.word2vec(ids)).transpose(0, 1))
        return self.fc(torch.tanh(torch.cat([h, c], 2).transpose(0, 1).flatten(1)))


class BasicVqa(nn.Module):
    def __init__(self, vgg, size, words, answers, word_size, hidden):
        super().__init__()
        self.img_encoder = ImageEncoder(vgg, size)
        self.qst_encoder = QuestionEncoder(words, word_size, hidden, size)
        self.fc1, self.fc2 = nn.Linear(size, answers), nn.Linear(answers, answers)

    def map(self, x):
        return self.img_encoder.model.features[:-1](x)

    def forward(self, a, ids):
        joint = torch.tanh(self.img_encoder(a) * self.qst_encoder(ids))
        return self.fc2(torch.tanh(self.fc1(joint)))


def vgg(name, first=4096, second=4096):
    net = getattr(torchvision.models, name)(weights=None)
    layers = [nn.Linear(25088, first), nn.ReLU(), nn.Dropout(), nn.Linear(first, second), nn.ReLU(), nn.Dropout()]
    net.classifier = nn.Sequential(*layers)
    return net


def prepared(name, width, height, side=None):
    """Noise of 8 bits as picture() of tests/image/pictures.hpp has it; stretched by Pillow's Lanczos filter."""
    image = Image.fromarray(np.floor(fill(name, (height, width, 3), 0, 256)).astype(np.uint8))
    if side:
        image = image.resize((side, side), Image.Resampling.LANCZOS)
    x = torch.from_numpy(np.asarray(image).astype(np.float64) / 255).permute(2, 0, 1)[None]
    mean, std = (torch.tensor(v, dtype=torch.float64)[:, None, None] for v in ((.485, .456, .406), (.229, .224, .225)))
    return (x - mean) / std


def speaking(head, seed, scales):
    """Filled so that it says different words and ends; scaled so that large vectors of pictures do not saturate it."""
    with torch.no_grad():
        for name, tensor in fill_module(head).named_parameters():
            if "img" not in name:
                tensor.copy_(torch.from_numpy(fill(seed + name, tuple(tensor.shape))))
            tensor *= scales.get(name, 1)
    return head


def add_map(name, a, score):
    (gradient,) = torch.autograd.grad(score, a)
    golden.add(f"{name}.map", (gradient.mean((2, 3), keepdim=True) * a)[0].sum(0))


def add_captioner(name, a, vector, says, start, end, never, longest):
    """`says(vector, ids)` are the scores behind each id."""
    a = a.detach().requires_grad_()
    scores = says(vector(a), torch.tensor([[start, *CAPTION]]))
    assert (scores - says(0 * vector(a), torch.tensor([[start, *CAPTION]]))).abs().max() > 0.5
    golden.add(f"{name}.scores", scores[0])
    add_map(name, a, scores[0, 2, CAPTION[2]])
    ids, margins = [start], []
    while len(ids) <= longest:
        row = says(vector(a), torch.tensor([ids]))[0, -1].detach().clone()
        row[[i for i in never if i != end]] = -np.inf
        best = row.topk(2).values
        margins.append(float(best[0] - best[1]))
        ids.append(int(row.argmax()))
        if ids[-1] == end:
            break
    assert min(margins) > 1e-3, margins
    golden.add(f"{name}.greedy", np.array([i for i in ids[1:] if i != end]))
    print(name, ids[1:], min(margins))


def make_tutorial():
    encoder = fill_module(Encoder(torchvision.models.resnet18(weights=None), 6)).double()
    decoder = speaking(Decoder(len(TUTORIAL_WORDS), 6, 5), "53", {
        "embed.weight": 150, "lstm.weight_ih_l0": 1 / 150, "lstm.weight_hh_l0": 2, "linear.weight": 2})
    torch.save(decoder.state_dict(), FILES / "decoder.ckpt")
    with torch.no_grad():
        a = encoder.map(prepared("public.tutorial", 90, 70, 224))
    add_captioner("tutorial", a, encoder.vector, decoder.double(), 1, 2, (0, 1), 19)
    return encoder, decoder


def make_show_tell():
    cnn = fill_module(caffe_resnet("resnet50")).double()
    head = speaking(ShowTell(2048, len(SHOW_TELL_WORDS) + 1, 6, 5), "114", {
        "img_embed.weight": 1e-4, "core.weight_ih_l0": 2, "core.weight_hh_l0": 2, "logit.weight": 2})
    torch.save(head.state_dict(), FILES / "show_tell.pth")
    with torch.no_grad():
        a = resnet_map(cnn, prepared("public.show_tell", 101, 85))
    add_captioner("show_tell", a, head.vector, head.double(), 0, 0, (), 16)
    return cnn, head


def make_basic_vqa():
    net = fill_module(BasicVqa(vgg("vgg11", 8, 7), 6, len(QUESTION_WORDS), len(ANSWERS), 5, 4)).double()
    with torch.no_grad():
        a = net.map(prepared("public.basic_vqa", 60, 80, 224))
    a.requires_grad_()
    scores = net(a, torch.tensor([ASKED + [0] * (30 - len(ASKED))]))
    golden.add("basic_vqa.scores", scores[0])
    add_map("basic_vqa", a, scores[0, 2])
    return net


def make_words():
    """Pickles that Python 3 and 2 write, without the modules that their classes are of."""
    module = types.ModuleType("build_vocab")
    vocabulary = type("Vocabulary", (), {"__module__": "build_vocab"})
    module.Vocabulary = vocabulary
    sys.modules["build_vocab"] = module
    words = vocabulary()
    words.word2idx = {word: i for i, word in enumerate(TUTORIAL_WORDS)}
    words.idx2word, words.idx = dict(enumerate(TUTORIAL_WORDS)), len(TUTORIAL_WORDS)
    (FILES / "vocab.pkl").write_bytes(pickle.dumps(words))
    infos = {"iter": 1, "vocab": {str(i + 1): word for i, word in enumerate(SHOW_TELL_WORDS)},
             "opt": argparse.Namespace(caption_model="show_tell", rnn_size=5)}
    (FILES / "infos.pkl").write_bytes(pickle.dumps(infos, 2))
    (FILES / "infos_protocol0.pkl").write_bytes(pickle.dumps(infos, 0))
    (FILES / "vocab_questions.txt").write_text("\n".join(QUESTION_WORDS) + "\n")
    (FILES / "vocab_answers.txt").write_text("\n".join(ANSWERS) + "\n")


def make_keys(small):
    with torch.device("meta"):
        sources = {
            "tutorial.decoder": Decoder(9956, 256, 512),
            "tutorial.encoder": Encoder(torchvision.models.resnet152(weights=None), 256),
            "show_tell": ShowTell(2048, 9488, 512, 512),
            "show_tell.cnn": caffe_resnet("resnet101"),
            "basic_vqa": BasicVqa(vgg("vgg19"), 1024, 17856, 1000, 300, 512),
        }
    out = io.StringIO()
    for name, module in {**small, **sources}.items():
        print("#", name, file=out)
        print("parameters", sum(p.numel() for p in module.parameters()), file=out)
        for key, tensor in module.state_dict().items():
            print(key, "x".join(map(str, tensor.shape)), file=out)
    (FILES / "keys.txt").write_text(out.getvalue())


def main():
    FILES.mkdir(exist_ok=True)
    encoder, _ = make_tutorial()
    cnn, _ = make_show_tell()
    answerer = make_basic_vqa()
    torch.save(fill_module(FiveGates(4, 8, 3)).state_dict(), FILES / "fc.pth")
    make_words()
    make_keys({"small tutorial.encoder": encoder, "small show_tell.cnn": cnn, "small basic_vqa": answerer})
    golden.save()


if __name__ == "__main__":
    main()
