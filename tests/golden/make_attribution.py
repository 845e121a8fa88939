"""What pytorch-grad-cam, captum and torch-cam say about photographs, for networks filled by name.

Writes attribution.safetensors (raw maps, subsampled gradients, products) and attribution/*.png (final pictures).
EfficientNet-Lite0 carries its published weights: give its checkpoint as the only argument.
"""

import importlib.util
import pathlib
import sys
import warnings

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from captum.attr import Deconvolution, GuidedBackprop, GuidedGradCam, LayerGradCam
from PIL import Image
from pytorch_grad_cam import GradCAM, GuidedBackpropReLUModel
from pytorch_grad_cam.utils.image import deprocess_image, show_cam_on_image
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torchcam.methods import GradCAM as TorchCam
from torchcam.utils import overlay_mask
from torchvision.transforms.functional import to_pil_image

from common import HERE, Golden, fill_module

warnings.filterwarnings("ignore")
torch.set_num_threads(2)
PHOTOS = HERE.parent / "images"
STEP = 9  # large results are committed at every ninth row and column

# network: photograph, layers as the paper, pytorch-grad-cam, captum and torch-cam would have them
NETWORKS = {
    "alexnet": ("coffee", lambda m: (m.features[11], m.features[11], m.features[11], m.avgpool)),
    "vgg16": ("chelsea", lambda m: (m.features[29], m.features[-1], m.features[29], m.avgpool)),
    "resnet18": ("astronaut", lambda m: (m.layer4, m.layer4[-1], m.layer4, m.layer4)),
    "resnet50": ("chelsea", lambda m: (m.layer4, m.layer4[-1], m.layer4, m.layer4)),
}


def photograph(name):
    """The picture a network of 224×224 sees, and its normalised tensor, by torchvision's own transforms."""
    seen = torchvision.transforms.CenterCrop(224)(
        torchvision.transforms.Resize(256)(Image.open(PHOTOS / f"{name}.png").convert("RGB"))
    )
    return seen


def torchvision_input(seen):
    x = torchvision.transforms.functional.to_tensor(seen)
    return torchvision.transforms.functional.normalize(x, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])[None]


def unshared_relus(model):
    """captum's hooks need a ReLU module per use, and none in place; the function stays the same."""
    for name, child in model.named_children():
        if isinstance(child, torch.nn.ReLU):
            setattr(model, name, torch.nn.ReLU(inplace=False))
        else:
            unshared_relus(child)
    return model


def activations_and_gradient(model, layer, x, index):
    kept = {}

    def keep(_, __, output):
        kept["a"] = output.detach().requires_grad_(True)
        return kept["a"]

    handle = layer.register_forward_hook(keep)
    score = model(x)[0, index]
    handle.remove()
    (gradient,) = torch.autograd.grad(score, kept["a"])
    return kept["a"].detach(), gradient


def min_max(v):
    return (v - v.min()) / (v.max() - v.min())


def grad_cams(golden, name, model, x, seen, index, layers):
    """The four presets' Grad-CAM: raw map, displayed map, and the final pictures of those that have one."""
    paper, pgc, captum, torchcam = layers
    a, g = activations_and_gradient(model, paper, x, index)
    raw = (g.sum((2, 3), keepdim=True) * a).sum(1)
    golden.add(f"{name}.paper.map", raw)
    up = F.interpolate(raw.relu()[None], (224, 224), mode="bilinear", align_corners=True)[0, 0]
    golden.add(f"{name}.paper.shown", min_max(up)[::STEP, ::STEP])

    a, g = activations_and_gradient(model, pgc, x, index)
    golden.add(f"{name}.pytorch-grad-cam.map", (g.mean((2, 3), keepdim=True) * a).sum(1))
    with GradCAM(model, [pgc]) as cam:
        shown = cam(x, [ClassifierOutputTarget(index)])[0]
    golden.add(f"{name}.pytorch-grad-cam.shown", shown[::STEP, ::STEP])
    picture = show_cam_on_image(np.float32(seen) / 255, shown, use_rgb=True)
    Image.fromarray(picture).save(HERE / "attribution" / f"{name}.pytorch-grad-cam.png", optimize=True)

    golden.add(f"{name}.captum.map", LayerGradCam(model, captum).attribute(x, index)[0])

    with TorchCam(model, torchcam) as cam:
        scores = model(x.clone().requires_grad_(True))
        (coarse,) = cam(index, scores)
    golden.add(f"{name}.torch-cam.shown", coarse)
    picture = overlay_mask(seen, to_pil_image(coarse[0], mode="F"), alpha=0.7)
    picture.save(HERE / "attribution" / f"{name}.torch-cam.png", optimize=True)
    return shown


def backprops(golden, name, model, x, index, layers, shown):
    """Gradients under the three rules, and the Guided Grad-CAM of pytorch-grad-cam and captum.

    In double: in float32 a value near a ReLU's kink falls on either side by rounding, and its whole path with it.
    """
    model, x = model.double(), x.double()
    xi = x.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(model(xi)[0, index], xi)
    golden.add(f"{name}.gradient", gradient[0, :, ::STEP, ::STEP])
    golden.add(f"{name}.deconvnet", Deconvolution(model).attribute(x, index)[0, :, ::STEP, ::STEP])
    golden.add(f"{name}.captum.guided", GuidedBackprop(model).attribute(x, index)[0, :, ::STEP, ::STEP])
    product = GuidedGradCam(model, layers[2]).attribute(x, index)
    golden.add(f"{name}.captum.guided-grad-cam", product[0, :, ::STEP, ::STEP])
    guided = GuidedBackpropReLUModel(model, device="cpu")(x.clone(), index)
    golden.add(f"{name}.guided", guided.transpose(2, 0, 1)[:, ::STEP, ::STEP])
    product = guided * shown[..., None]
    golden.add(f"{name}.pytorch-grad-cam.guided-grad-cam", product.transpose(2, 0, 1)[:, ::STEP, ::STEP])
    Image.fromarray(deprocess_image(product)).save(
        HERE / "attribution" / f"{name}.pytorch-grad-cam.guided.png", optimize=True)


def efficientnet_lite0(checkpoint):
    from efficientnet_lite_pytorch import EfficientNet

    model = EfficientNet.from_name("efficientnet-lite0")
    model.load_state_dict(torch.load(checkpoint, weights_only=True))
    return model.eval()


def main():
    (HERE / "attribution").mkdir(exist_ok=True)
    golden = Golden("attribution")
    for name, (photo, layers_of) in NETWORKS.items():
        seen = photograph(photo)
        x = torchvision_input(seen)
        model = unshared_relus(fill_module(getattr(torchvision.models, name)(weights=None)))
        layers = layers_of(model)
        with torch.no_grad():
            scores = model(x)
        index = int(scores.argmax())
        golden.add(f"{name}.class", np.array([index]))
        shown = grad_cams(golden, name, model, x, seen, index, layers)
        backprops(golden, name, model, x, index, layers, shown)
        print(name, index, "map", golden.tensors[f"{name}.captum.map"].min(), golden.tensors[f"{name}.captum.map"].max())

    model = efficientnet_lite0(sys.argv[1])
    for photo, index in (("chelsea", 285), ("coffee", 967)):
        name = f"efficientnet_lite0.{photo}"
        seen = photograph(photo)
        x = (torch.from_numpy(np.array(seen)).permute(2, 0, 1)[None].float() - 127) / 128
        golden.add(f"{name}.class", np.array([index]))
        grad_cams(golden, name, model, x, seen, index, [model._bn1] * 4)
        xi = x.double().requires_grad_(True)
        (gradient,) = torch.autograd.grad(model.double()(xi)[0, index], xi)
        model.float()
        golden.add(f"{name}.gradient", gradient[0, :, ::STEP, ::STEP])
        print(name, torch.softmax(model(x), 1)[0, index].item())
    golden.save()


if __name__ == "__main__":
    main()
