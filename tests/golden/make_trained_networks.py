"""What PyTorch says of the photographs with published weights: logits, and one network's input gradients.

usage: make_trained_networks.py FOLDER, where FOLDER holds resnet20-12fca82f.th, resnet32-d509ac18.th and
efficientnet_lite0.pth, _lite1.pth, _lite2.pth (tools/fetch_weights).
"""

import pathlib
import sys

import numpy as np
import torch
from common import HERE, Golden
from PIL import Image
from reference_networks import build
from relu_rules import RULES, apply_rule
from torchvision.transforms.functional import center_crop, resize

FOLDER = pathlib.Path(sys.argv[1])
IMAGES = HERE.parent / "images"
PHOTOGRAPHS = ["chelsea", "coffee", "astronaut", "cat_and_espresso"]
# Network, file, resized short side, crop, mean and std on 0-255.
IMAGENET = ([0.485 * 255, 0.456 * 255, 0.406 * 255], [0.229 * 255, 0.224 * 255, 0.225 * 255])
LITE = ([127.0] * 3, [128.0] * 3)
NETWORKS = [
    ("resnet20_cifar", "resnet20-12fca82f.th", 32, 32, *IMAGENET),
    ("resnet32_cifar", "resnet32-d509ac18.th", 32, 32, *IMAGENET),
    ("efficientnet_lite0", "efficientnet_lite0.pth", 256, 224, *LITE),
    ("efficientnet_lite1", "efficientnet_lite1.pth", 272, 240, *LITE),
    ("efficientnet_lite2", "efficientnet_lite2.pth", 292, 260, *LITE),
]
# Class and picture of the gradients: tiger cat on the cat.
GRADIENTS = ("efficientnet_lite0", "chelsea", 282)
STEP = 14


def load(name, file):
    network = build(name)
    state = torch.load(FOLDER / file, map_location="cpu", weights_only=True)
    state = {k.removeprefix("module."): v for k, v in state.get("state_dict", state).items()}
    network.load_state_dict(state)
    return network.double().eval()


def picture(name, short_side, crop, mean, std):
    image = Image.open(IMAGES / f"{name}.png").convert("RGB")
    pixels = np.asarray(center_crop(resize(image, short_side, antialias=True), [crop, crop]), dtype=np.float64)
    return torch.from_numpy((pixels - mean) / std).permute(2, 0, 1)[None].contiguous()


golden = Golden("trained_networks")
for name, file, *preprocessing in NETWORKS:
    network = load(name, file)
    for photograph in PHOTOGRAPHS:
        with torch.no_grad():
            logits = network(picture(photograph, *preprocessing))[0]
        golden.add(f"{name}.{photograph}.logits", logits)
        print(name, photograph, [int(i) for i in logits.topk(3).indices], float(logits.max()))
    if name == GRADIENTS[0]:
        network.requires_grad_(False)
        for rule in RULES:
            apply_rule(network, rule)
            x = picture(GRADIENTS[1], *preprocessing).requires_grad_()
            network(x)[0, GRADIENTS[2]].backward()
            golden.add(f"{name}.{rule}", x.grad[0, :, ::STEP, ::STEP])
            golden.add(f"{name}.{rule}.max", x.grad.abs().max().reshape(1))
golden.save()
