"""Shared by the golden generators: test data that C++ computes alike, and the files results go into.

fill() gives the same bits as backlight::test::fill() in tests/support/random.hpp, so a golden file holds
results only; both sides compute the inputs from their names.
"""

import os
import pathlib
import sys
import urllib.request

import numpy as np
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).resolve().parent


def seed_of(name):
    """FNV-1a of the name."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x100000001B3) % 2**64
    return seed


def random_bits(seed, count):
    """64 bits for each index in [0, count): the finaliser of SplitMix64, as engine/core/random.hpp has it."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + (np.arange(count, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def random_uniform(seed, count):
    """Uniform in [0, 1), multiples of 2^-24, in double."""
    return (random_bits(seed, count) >> np.uint64(40)).astype(np.float64) * 2.0**-24


def fill(name, shape, low=-1.0, high=1.0, dtype=np.float32):
    """Uniform in [low, high) by name, computed in double and rounded once to dtype."""
    count = int(np.prod(shape, dtype=np.int64))
    return (low + (high - low) * random_uniform(seed_of(name), count)).astype(dtype).reshape(shape)


def fill_module(module):
    """Every parameter and buffer of a torch module by name: fill_network() of tests/support/fill_network.hpp."""
    import torch

    with torch.no_grad():
        for name, tensor in list(module.named_parameters()) + list(module.named_buffers()):
            if name.endswith("num_batches_tracked"):
                continue
            low, high = -0.1, 0.1
            if tensor.dim() >= 2:
                high = float(np.sqrt(6.0 / (tensor.numel() // tensor.shape[0])))
                low = -high
            elif name.endswith("weight") or name.endswith("running_var"):
                low, high = 0.5, 1.5
            tensor.copy_(torch.from_numpy(fill(name, tuple(tensor.shape), low, high)))
    return module.eval()


def use_scripts(repository, commit, *files):
    """Makes scripts of a GitHub repository, which are no package, importable: as they were at a commit.

    They are downloaded once, to ~/.cache/backlight-golden/<repository>/<commit>/ (or below $XDG_CACHE_HOME).
    """
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
    folder = cache / "backlight-golden" / repository / commit
    for file in files:
        if not (folder / file).exists():
            with urllib.request.urlopen(f"https://raw.githubusercontent.com/{repository}/{commit}/{file}") as answer:
                content = answer.read()
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(content)
    sys.path.insert(0, str(folder))


class Golden:
    """Collects float32 results and writes them to tests/golden/<stem>.safetensors."""

    def __init__(self, stem):
        self.path = HERE / f"{stem}.safetensors"
        self.tensors = {}

    def add(self, name, value):
        """value: a numpy array or a torch tensor."""
        if name in self.tensors:
            raise ValueError(f"{self.path.name} already has '{name}'")
        if hasattr(value, "detach"):
            value = value.detach().cpu().numpy()
        self.tensors[name] = np.ascontiguousarray(value, dtype=np.float32)

    def save(self):
        save_file(self.tensors, self.path)
        size = self.path.stat().st_size
        print(f"{self.path.name}: {len(self.tensors)} tensors, {size} bytes")
