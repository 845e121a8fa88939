"""What PyTorch reads from real checkpoints of other people, which are not part of this repository.

    make_real_checkpoints.py FOLDER

Writes checkpoints/real.json: for each file the path of its state dict, and of the tensors there the number, the first
and last name, and the sum of their finite values, each times its place in the tensor modulo 101 plus one.
"""

import collections
import json
import pathlib
import pickle
import struct
import sys
import tarfile

import numpy as np
import safetensors.torch
import torch

OUT = pathlib.Path(__file__).resolve().parent / "checkpoints" / "real.json"
# Where the state dict is not the whole file.
PATHS = {"candle_test_with_key.pt": "model_state_dict", "fastai1_tabular_stage1.pth": "model",
         "lightning_mnist_epoch24.ckpt": "state_dict", "checkpoint.pt": "model_state_dict",
         "top_level_key.pt": "my_state_dict", "weights_with_config.pt": "my_model", "complex_structure.pt": "state"}
REFUSED = {"broken.pt": ["is not a file of weights", "abc"],
           "dncnn_sigma25_whole_model.pth": ["whole pickled model", "torch.save(model.state_dict()"],
           "silero_vad_torchscript.jit": ["TorchScript", "torch.jit.load"]}
KINDS = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "LongStorage": "<i8"}


def read_tar(path):
    """Tar archives whose pickle rebuilds tensors from storages, which torch.load does not read."""
    with tarfile.open(path) as tar:
        storages, obj = tar.extractfile("storages"), tar.extractfile("pickle")
        arrays = {}
        for _ in range(pickle.load(storages)):
            key, _, kind = pickle.load(storages)
            count, = struct.unpack("<q", storages.read(8))
            dtype = np.dtype(KINDS[kind.__name__])
            arrays[key] = np.frombuffer(storages.read(count * dtype.itemsize), dtype)

        class Unpickler(pickle.Unpickler):
            def find_class(self, module, name):
                if name != "_rebuild_tensor_v2":
                    return super().find_class(module, name)
                return lambda storage, offset, size, stride, *_: torch.from_numpy(
                    arrays[storage[2]].copy()).as_strided(size, stride, offset)

        return Unpickler(obj).load()


def read(path):
    if path.suffix == ".safetensors":
        return safetensors.torch.load_file(path)
    if path.suffix == ".tar":
        return read_tar(path)
    return torch.load(path, map_location="cpu", weights_only=False)


def flat(tree, prefix=""):
    out = {}
    for name, value in tree.items():
        if isinstance(value, torch.Tensor):
            out[prefix + name] = value
        elif isinstance(value, collections.abc.Mapping):
            out |= flat(value, prefix + name + ".")
    return out


def weighted_sum(tensor):
    values = np.nan_to_num(tensor.detach().to(torch.float32).double().numpy().flatten(), nan=0, posinf=0, neginf=0)
    return float(values @ (np.arange(values.size) % 101 + 1))


def main():
    folder, entries = pathlib.Path(sys.argv[1]), {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix != ".md"):
        name = str(path.relative_to(folder))
        if path.name in REFUSED:
            entries[name] = {"refused": REFUSED[path.name]}
            continue
        obj, where = read(path), PATHS.get(path.name, ".")
        tensors = flat(obj if where == "." else obj[where])
        names = sorted(tensors)
        entries[name] = {"path": where, "tensors": len(tensors), "first": names[0], "last": names[-1],
                         "sum": sum(weighted_sum(t) for t in tensors.values())}
    OUT.write_text(json.dumps(entries, indent=0) + "\n")


if __name__ == "__main__":
    main()
