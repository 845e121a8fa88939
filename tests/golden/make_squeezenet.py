"""What PyTorch, captum and pytorch-grad-cam say of photographs with a trained SqueezeNet 1.0, whose ReLUs are plain.

usage: make_squeezenet.py WEIGHTS FOLDER, where FOLDER holds the photographs of ilsvrc_val_227.
"""

import pathlib
import sys

import torch
from captum.attr import Deconvolution, GuidedBackprop, Saliency
from common import HERE, Golden
from PIL import Image
from pytorch_grad_cam import GradCAM, GuidedBackpropReLUModel
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn
from torchvision.models import squeezenet1_0
from torchvision.transforms.functional import center_crop, normalize, pil_to_tensor, resize

WEIGHTS, FOLDER = map(pathlib.Path, sys.argv[1:3])
OWN = [HERE.parent / "images" / f"{name}.png" for name in ("chelsea", "coffee", "astronaut", "cat_and_espresso")]
PHOTOGRAPHS = OWN + sorted(FOLDER.glob("*.JPEG"))[::50]
# Class and picture of the attributions: tiger cat on the cat. There, as for most classes, no positive signal of
# deconvolution reaches the input of this network; for this class and picture one does.
EXPLAINED, TARGET = "chelsea", 282
DECONVOLVED, DECONVOLUTION_TARGET = "astronaut", 505
STEP = 14


def picture(path):
    image = center_crop(resize(Image.open(path).convert("RGB"), 256, antialias=True), [224, 224])
    # In float32, as backlight: where a pooling chooses between nearly equal values, the last bit may decide.
    pixels = pil_to_tensor(image).float() / 255
    return normalize(pixels, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])[None].double()


def load():
    network = squeezenet1_0()
    network.load_state_dict(torch.load(WEIGHTS, map_location="cpu", weights_only=True))
    for module in network.modules():  # hooks see wrong values where a ReLU overwrites its input
        if isinstance(module, nn.ReLU):
            module.inplace = False
    return network.double().eval()


network = load()
golden = Golden("squeezenet")
for path in PHOTOGRAPHS:
    with torch.no_grad():
        logits = network(picture(path))[0]
    golden.add(f"{path.stem}.logits", logits[::8])
    golden.add(f"{path.stem}.max", logits.abs().max().reshape(1))
    golden.add(f"{path.stem}.top", logits.topk(3).indices.float())
    print(path.stem, [int(i) for i in logits.topk(3).indices], float(logits.max()))

x = picture(next(p for p in PHOTOGRAPHS if p.stem == EXPLAINED))
assert not Deconvolution(network).attribute(x.clone().requires_grad_(), target=TARGET).any()
METHODS = [
    ("gradient", Saliency, EXPLAINED, TARGET),
    ("guided", GuidedBackprop, EXPLAINED, TARGET),
    ("deconvnet", Deconvolution, DECONVOLVED, DECONVOLUTION_TARGET),
]
for name, method, photograph, target in METHODS:
    options = {"abs": False} if method is Saliency else {}
    shown = picture(next(p for p in PHOTOGRAPHS if p.stem == photograph)).requires_grad_()
    result = method(network).attribute(shown, target=target, **options)[0]
    golden.add(f"{photograph}.{name}", result[:, ::STEP, ::STEP])
    golden.add(f"{photograph}.{name}.max", result.abs().max().reshape(1))
    if name == "guided":
        # It leaves one ReLU in all places: not for a network that is used again.
        peer = GuidedBackpropReLUModel(load(), torch.device("cpu"))(x, target_category=TARGET)
        print("guided: pytorch-grad-cam differs from captum by", abs(peer.transpose(2, 0, 1) - result.numpy()).max())
with torch.no_grad():
    features = network.features(x)[0]
cam = torch.einsum("k,khw->hw", network.classifier[1].weight[TARGET, :, 0, 0].detach(), features)
golden.add(f"{EXPLAINED}.cam", cam)
shown = GradCAM(network, [network.features[-1]])(x.clone(), [ClassifierOutputTarget(TARGET)])[0]
golden.add(f"{EXPLAINED}.grad_cam.shown", torch.from_numpy(shown)[::STEP, ::STEP])
golden.save()
