"""Input gradients of a class score through whole networks under the three ReLU rules, computed in float64."""

from common import Golden
from reference_networks import NATIVE_SIZE, build_filled, input_for
from relu_rules import RULES, apply_rule

NETWORKS = ["alexnet", "vgg16", "resnet18", "resnet50", "resnet20_cifar", "efficientnet_lite0"]
TARGET = 7
ROWS_AND_COLUMNS = 16

golden = Golden("network_gradients")
for name in NETWORKS:
    network = build_filled(name).requires_grad_(False)
    size = NATIVE_SIZE.get(name, 224)
    for rule in RULES:
        apply_rule(network, rule)
        x = input_for(name, size).requires_grad_()
        network(x)[0, TARGET].backward()
        step = max(1, size // ROWS_AND_COLUMNS)
        golden.add(f"{name}.{rule}", x.grad[0, :, ::step, ::step])
        golden.add(f"{name}.{rule}.max", x.grad.abs().max().reshape(1))
        print(name, rule, float(x.grad.abs().max()))
golden.save()
