"""Five steps of torch.optim.Adam under changing learning rates, gradients clipped to a norm: adam.safetensors."""

import torch

from common import Golden, fill

RATES = [0.1, 0.1, 0.05, 0.2, 0.01]
NORM = 8.0  # the gradients of steps 0, 2 and 4 have more, those of 1 and 3 less
SHAPES = {"a": (131,), "b": (4, 33)}

golden = Golden("adam")
parameters = {name: torch.nn.Parameter(torch.from_numpy(fill(f"adam.{name}", shape))) for name, shape in SHAPES.items()}
optimiser = torch.optim.Adam(parameters.values(), lr=1.0)
for step, rate in enumerate(RATES):
    optimiser.param_groups[0]["lr"] = rate
    for name, w in parameters.items():
        w.grad = torch.from_numpy(fill(f"adam.{name}.dw{step}", SHAPES[name])) * (1.0 if step % 2 == 0 else 0.25)
    norm = torch.nn.utils.clip_grad_norm_(parameters.values(), NORM)
    assert (norm > NORM) == (step % 2 == 0), norm
    optimiser.step()
    if step in (0, 4):
        for name, w in parameters.items():
            golden.add(f"{name}.{step}", w.detach().clone())  # the optimiser works in place
for name, w in parameters.items():
    golden.add(f"{name}.first_moment", optimiser.state[w]["exp_avg"])
    golden.add(f"{name}.second_moment", optimiser.state[w]["exp_avg_sq"])
golden.save()
