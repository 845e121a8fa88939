"""PyTorch's convolutions and linear layers on awkward shapes: tests/golden/conv2d.safetensors.

Inputs and parameters are fill(<case>.x), .weight, .bias and .dy; y, dx, dw and db are kept.
"""

import torch
import torch.nn.functional as F

from common import Golden, fill

# name: x shape, weight shape, then conv2d's arguments. "padding" is top, bottom, left, right.
CASES = {
    "3x3": ((2, 5, 9, 7), (13, 5, 3, 3), {"padding": (1, 1, 1, 1)}),
    "stride2_uneven": ((1, 3, 12, 9), (7, 3, 3, 3), {"stride": (2, 2), "padding": (1, 1, 1, 1)}),
    "11x11_stride4": ((1, 3, 23, 26), (5, 3, 11, 11), {"stride": (4, 4), "padding": (2, 2, 2, 2)}),
    "one_sided": ((2, 3, 7, 8), (4, 3, 3, 3), {"padding": (0, 2, 3, 1)}),
    "same_5x5_stride2": ((1, 2, 14, 9), (4, 2, 5, 5), {"stride": (2, 2), "padding": (1, 2, 2, 2)}),
    "axes_differ": ((1, 3, 15, 14), (6, 3, 3, 2), {"stride": (2, 3), "dilation": (2, 1), "padding": (1, 2, 0, 3)}),
    "dilation2_stride2": ((1, 4, 11, 10), (5, 4, 3, 3), {"stride": (2, 2), "dilation": (2, 2), "padding": (2, 2, 2, 2)}),
    "1x7": ((1, 6, 5, 11), (4, 6, 1, 7), {"padding": (0, 0, 3, 3)}),
    "groups4": ((1, 8, 6, 7), (12, 2, 3, 3), {"padding": (1, 1, 1, 1), "groups": 4}),
    "depthwise_multiplier2": ((2, 5, 6, 7), (10, 1, 3, 3), {"padding": (1, 1, 1, 1), "groups": 5}),
}


def main():
    golden = Golden("conv2d")

    def keep(name, x_shape, weight_shape, function):
        x, weight, bias = (
            torch.from_numpy(fill(f"{name}.{what}", shape)).double().requires_grad_()
            for what, shape in [("x", x_shape), ("weight", weight_shape), ("bias", weight_shape[:1])]
        )
        y = function(x, weight, bias)
        dy = torch.from_numpy(fill(f"{name}.dy", tuple(y.shape))).double()
        y.backward(dy)
        for what, value in {"y": y, "dx": x.grad, "dw": weight.grad, "db": bias.grad}.items():
            golden.add(f"{name}.{what}", value)

    for name, (x_shape, weight_shape, options) in CASES.items():
        options = dict(options)
        top, bottom, left, right = options.pop("padding")

        def function(x, weight, bias, pad=(left, right, top, bottom), options=options):
            return F.conv2d(F.pad(x, pad), weight, bias, **options)

        keep(name, x_shape, weight_shape, function)
    keep("linear", (3, 127), (13, 127), F.linear)
    golden.save()


if __name__ == "__main__":
    main()
