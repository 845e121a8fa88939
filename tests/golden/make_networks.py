"""Logits and a few inner activations of every network, computed in float64 and sampled evenly."""

import torch
from common import Golden
from reference_networks import ALL, NATIVE_SIZE, build_filled, input_for

# Small where a network is deep and any size does; the rest at the size it was made for.
DEEP = ("resnet101", "resnet152", "resnext", "wide_resnet")
SIZE = {name: 64 for name in ALL if name.startswith("vgg") and name != "vgg16" or name.startswith(DEEP)}
# At this size every pooling rounds up.
SIZE |= {"squeezenet1_0": 70, "squeezenet1_1": 70}
# Modules that run once, by name prefix of the network.
INNER = {
    "alexnet_original": ["norm1", "pool2", "conv4", "pool5", "fc7"],
    "alexnet": ["features.0", "features.5", "features.12", "avgpool", "classifier.4"],
    "vgg": ["features.0", "avgpool", "classifier.3"],
    "squeezenet": ["features.2", "features.5", "features.12", "classifier.1"],
    "resnet": ["conv1", "layer1", "layer2", "layer3", "layer4"],
    "resnext": ["conv1", "layer1", "layer2", "layer3", "layer4"],
    "wide_resnet": ["conv1", "layer1", "layer2", "layer3", "layer4"],
    "efficientnet": ["_conv_stem", "_blocks.1", "_blocks.3", "_blocks.8", "_bn1"],
}
SAMPLES = 64


def sample(value):
    """At most SAMPLES values, evenly strided, and the largest magnitude of all: the scale of the tolerance."""
    flat = value.flatten()
    step = max(1, flat.numel() // SAMPLES)
    return flat[::step][:SAMPLES], flat.abs().max().reshape(1)


def inner_modules(name, network):
    prefix = next(p for p in INNER if name.startswith(p))
    return [m for m in INNER[prefix] if m in dict(network.named_modules())]


golden = Golden("networks")
for name in ALL:
    network = build_filled(name)
    values = {}
    for path in inner_modules(name, network):
        network.get_submodule(path).register_forward_hook(
            lambda module, args, y, path=path: values.__setitem__(path, y.clone())
        )
    with torch.no_grad():
        values["logits"] = network(input_for(name, SIZE.get(name, NATIVE_SIZE.get(name, 224))))
    for path, value in values.items():
        samples, largest = sample(value)
        golden.add(f"{name}.{path}", samples)
        golden.add(f"{name}.{path}.max", largest)
        print(name, path, list(value.shape), float(largest))
golden.save()
