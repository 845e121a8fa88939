"""The backward rules of ReLU and ReLU6 for PyTorch.

torch has no such rules and the packages that add some leave ReLU6 out, so the rules stand here in a line each.
"""

import torch
from torch import nn

RULES = {
    "standard": lambda dy, gate: dy * gate,
    "deconvnet": lambda dy, gate: dy * (dy > 0),
    "guided": lambda dy, gate: dy * gate * (dy > 0),
}


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
