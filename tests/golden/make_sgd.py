"""Five steps of torch.optim.SGD under changing learning rates: sgd.safetensors."""

import torch

from common import Golden, fill

CASES = {"plain": (0.0, 0.0, False), "momentum": (0.9, 5e-4, False), "nesterov": (0.9, 5e-2, True)}
RATES = [0.1, 0.1, 0.05, 0.2, 0.01]

golden = Golden("sgd")
for case, (momentum, weight_decay, nesterov) in CASES.items():
    w = torch.nn.Parameter(torch.from_numpy(fill(f"sgd.{case}.w", (131,))))
    optimiser = torch.optim.SGD([w], lr=1.0, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov)
    for step, rate in enumerate(RATES):
        optimiser.param_groups[0]["lr"] = rate
        w.grad = torch.from_numpy(fill(f"sgd.{case}.dw{step}", (131,)))
        optimiser.step()
        if step in (0, 4):
            golden.add(f"{case}.w{step}", w.detach().clone())  # the optimiser works in place
    if momentum:
        golden.add(f"{case}.v4", optimiser.state[w]["momentum_buffer"])
golden.save()
