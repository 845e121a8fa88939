"""Input gradients of a class score through whole networks under the three ReLU rules, computed in float64.

torch has no such rules and the packages that add some leave ReLU6 out, so the rules stand here in a line each.
"""

import torch
from common import Golden
from reference_networks import NATIVE_SIZE, build_filled, input_for
from torch import nn

NETWORKS = ["alexnet", "vgg16", "resnet18", "resnet50", "resnet20_cifar", "efficientnet_lite0"]
TARGET = 7
RULES = {
    "standard": lambda dy, gate: dy * gate,
    "deconvnet": lambda dy, gate: dy * (dy > 0),
    "guided": lambda dy, gate: dy * gate * (dy > 0),
}
ROWS_AND_COLUMNS = 16


class Rectify(torch.autograd.Function):
    """min(max(x, 0), ceiling), whose backward follows one of RULES; gate is 0 < y < ceiling."""

    @staticmethod
    def forward(ctx, x, ceiling, rule):
        y = x.clamp(0, ceiling)
        ctx.save_for_backward(y)
        ctx.ceiling, ctx.rule = ceiling, rule
        return y

    @staticmethod
    def backward(ctx, dy):
        (y,) = ctx.saved_tensors
        return RULES[ctx.rule](dy, (y > 0) & (y < ctx.ceiling)), None, None


class RuledReLU(nn.Module):
    def __init__(self, ceiling, rule):
        super().__init__()
        self.ceiling, self.rule = ceiling, rule

    def forward(self, x):
        return Rectify.apply(x, self.ceiling, self.rule)


def apply_rule(module, rule):
    """Replaces every ReLU and ReLU6 below the module, those between linear layers too."""
    for name, child in module.named_children():
        if isinstance(child, (nn.ReLU, nn.ReLU6, RuledReLU)):
            ceiling = 6.0 if isinstance(child, nn.ReLU6) else getattr(child, "ceiling", float("inf"))
            setattr(module, name, RuledReLU(ceiling, rule))
        else:
            apply_rule(child, rule)


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
