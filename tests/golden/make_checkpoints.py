"""Small files of weights of every kind, as PyTorch and safetensors write them, and what is in them.

Writes checkpoints/<case> and checkpoints/expected.json, which says for each case either what a reader must find
(container, candidates, prefix, tensors with dtype, shape, values) or which words its refusal must contain.
"""

import collections
import gzip
import io
import json
import pathlib
import pickle
import pickletools
import struct
import tarfile
import zipfile

import numpy as np
import safetensors.torch
import torch
import torchvision

OUT = pathlib.Path(__file__).resolve().parent / "checkpoints"
MAGIC = 0x1950A86A20F9469CFC6C
EXPECTED = {}


def values(tensor):
    return [float(v) for v in tensor.detach().to(torch.float32).contiguous().flatten()]


def describe(tensors):
    return [{"name": k, "dtype": str(t.dtype).removeprefix("torch."), "shape": list(t.shape), "values": values(t)}
            for k, t in tensors.items()]


def readable(case, container, tensors, path=".", candidates=None, prefix="", key="", others=()):
    """`tensors` are under the names that the reader shows, prefix gone."""
    EXPECTED[case] = {
        "container": container, "key": key, "path": path, "prefix": prefix, "others": list(others),
        "candidates": candidates or [[path, len(tensors)]], "tensors": describe(tensors)}


def refused(case, kind, *words):
    EXPECTED[case] = {"refused": kind, "words": list(words)}


def save(case, obj, **options):
    torch.save(obj, OUT / case, **options)
    return OUT / case


def seeded(*shape, dtype=torch.float32):
    generator = torch.Generator().manual_seed(sum(shape) + 7)
    return (torch.rand(shape, generator=generator) * 8 - 4).to(dtype)


def small():
    return collections.OrderedDict([("conv.weight", seeded(2, 3, 2, 2)), ("conv.bias", seeded(2)),
                                    ("bn.num_batches_tracked", torch.tensor(12))])


# Dtypes, layouts and protocols.

def all_dtypes():
    out = {}
    for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
                  torch.int8, torch.uint8, torch.bool):
        source = torch.tensor([0, 1, 2, 100]) if dtype in (torch.uint8, torch.bool) else torch.tensor([-2.5, 0, 1, 100])
        out[str(dtype).removeprefix("torch.")] = source.to(dtype)
    return out


def all_layouts():
    base = seeded(4, 6)
    return {
        "transposed": base.t(), "sliced": base[1:3, ::2], "channels_last": seeded(2, 3, 4, 5).contiguous(
            memory_format=torch.channels_last),
        "expanded": torch.tensor([1.5]).expand(3, 4), "scalar": torch.tensor(2.25), "empty": torch.zeros(0, 3),
        "whole": base, "row": base[2], "one": seeded(1, 5, 1).transpose(0, 2),
        "parameter": torch.nn.Parameter(seeded(3)), "frozen": torch.nn.Parameter(seeded(2), requires_grad=False),
        "rank6": seeded(1, 2, 1, 2, 1, 3).permute(5, 1, 0, 3, 2, 4)}


def make_plain():
    for protocol in (2, 3, 4, 5):
        save(f"zip_protocol{protocol}.pth", small(), pickle_protocol=protocol)
        readable(f"zip_protocol{protocol}.pth", "PyTorch (zip)", small())
        save(f"legacy_protocol{protocol}.pth", small(), pickle_protocol=protocol, _use_new_zipfile_serialization=False)
        readable(f"legacy_protocol{protocol}.pth", "PyTorch (legacy)", small())
    for kind, zipped in (("zip", True), ("legacy", False)):
        for name, tensors in (("dtypes", all_dtypes()), ("layouts", all_layouts())):
            save(f"{kind}_{name}.pth", tensors, _use_new_zipfile_serialization=zipped)
            readable(f"{kind}_{name}.pth", f"PyTorch ({kind})", tensors)
    torch.serialization.set_crc32_options(False)
    save("zip_without_crc.pth", small())
    torch.serialization.set_crc32_options(True)
    readable("zip_without_crc.pth", "PyTorch (zip)", small())


# Wrappers and prefixes.

def make_wrapped():
    wrapped = small()
    save("wrapped_state_dict.pth", {"epoch": 3, "best": 0.5, "state_dict": wrapped, "args": None})
    readable("wrapped_state_dict.pth", "PyTorch (zip)", wrapped, path="state_dict")
    save("data_parallel.pth", {"state_dict": {"module." + k: v for k, v in wrapped.items()}})
    readable("data_parallel.pth", "PyTorch (zip)", wrapped, path="state_dict", prefix="module.")
    save("compiled_parallel.pth", {"_orig_mod.module." + k: v for k, v in wrapped.items()})
    readable("compiled_parallel.pth", "PyTorch (zip)", wrapped, prefix="_orig_mod.module.")
    partly = {"model.a": seeded(2), "head.b": seeded(3)}
    save("prefix_not_everywhere.pth", partly)
    readable("prefix_not_everywhere.pth", "PyTorch (zip)", partly)

    model = torch.nn.Linear(3, 2)
    with torch.no_grad():
        model.weight.copy_(seeded(2, 3))
        model.bias.copy_(seeded(2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    save("training.pth", {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 1,
                          "tags": {"a", "b"}})
    readable("training.pth", "PyTorch (zip)", model.state_dict(), path="model")

    ema = {k: v * 0.5 for k, v in wrapped.items() if v.is_floating_point()}
    both = {"model": wrapped, "ema": {"shadow": ema}}
    candidates = [["model", 3], ["ema.shadow", 2]]
    for case in ("ambiguous.pth", "ambiguous_with_key.pth"):
        save(case, both)
    EXPECTED["ambiguous.pth"] = {"container": "PyTorch (zip)", "key": "", "path": None, "candidates": candidates}
    readable("ambiguous_with_key.pth", "PyTorch (zip)", ema, path="ema.shadow", key="ema.shadow", candidates=candidates)
    save("wrong_key.pth", both)
    refused("wrong_key.pth", "usage", "ema.shadw", "did you mean", "ema.shadow")
    EXPECTED["wrong_key.pth"]["key"] = "ema.shadw"
    save("other_entries.pth", {**small(), "note": "text", "sizes": [1, 2]})
    readable("other_entries.pth", "PyTorch (zip)", small(), others=["note", "sizes"])
    save("nested_collision.pth", {"a": {"w": seeded(2), "b": {"w": seeded(3)}}, "a.b": {"w": seeded(3)}})
    EXPECTED["nested_collision.pth"] = {"refused": "bad_input", "words": ["two different", "a.b"], "key": "a.b"}


# Files that torch.save does not write any more, or never did.

def rezip(source, case, edit=lambda name, data: data, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(OUT / case, "w", method) as new:
        for info in old.infolist():
            new.writestr(zipfile.ZipInfo(info.filename), edit(info.filename, old.read(info)), method)


def make_rezipped():
    source = OUT / "zip_protocol2.pth"
    rezip(source, "zip_deflated.pth", method=zipfile.ZIP_DEFLATED)
    readable("zip_deflated.pth", "PyTorch (zip)", small())

    tensors = all_dtypes()
    save("zip_big_endian.pth", tensors)
    sizes = [t.element_size() for t in tensors.values()]

    def swap(name, data):
        if name.endswith("/byteorder"):
            return b"big"
        if "/data/" not in name:
            return data
        size = sizes[int(name.rsplit("/", 1)[1])]
        return b"".join(data[i:i + size][::-1] for i in range(0, len(data), size))

    source = OUT / "zip_big_endian.pth"
    kept = source.read_bytes()
    rezip(io.BytesIO(kept), "zip_big_endian.pth", swap)
    readable("zip_big_endian.pth", "PyTorch (zip)", tensors)


class Rebuilt:
    """A tensor over a storage reference, pickled as torch.Tensor pickles itself."""

    def __init__(self, storage, offset, shape, stride, function=torch._utils._rebuild_tensor_v2):
        self.arguments = (storage, offset, shape, stride)
        self.function = function

    def __reduce__(self):
        extra = (False, collections.OrderedDict()) if self.function is torch._utils._rebuild_tensor_v2 else ()
        return self.function, self.arguments + extra


class Reference:
    def __init__(self, identity):
        self.identity = identity

    def __call__(self):
        raise TypeError("a reference stands for something else")


class Pickler(pickle.Pickler):
    def persistent_id(self, obj):
        return obj.identity if isinstance(obj, Reference) else None


def dump(obj, protocol=2):
    out = io.BytesIO()
    Pickler(out, protocol).dump(obj)
    return out.getvalue()


def as_python2(data):
    """The same pickle as Python 2 wrote it: byte strings for names."""
    out, ops = b"", list(pickletools.genops(data))
    for (op, argument, start), end in zip(ops, [pos for _, _, pos in ops[1:]] + [len(data)]):
        text = argument.encode() if op.name == "BINUNICODE" else b""
        out += b"U" + bytes([len(text)]) + text if op.name == "BINUNICODE" else data[start:end]
    return out


def legacy(case, obj, keys, storages, convert=lambda data: data):
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    data = dump(MAGIC) + dump(1001) + convert(dump(system)) + convert(dump(obj)) + convert(dump(keys))
    for key in keys:
        data += struct.pack("<q", len(storages[key])) + storages[key].tobytes()
    (OUT / case).write_bytes(data)


def make_old():
    floats = np.arange(10, dtype=np.float32)
    view = lambda key, offset, size: Reference(
        ("storage", torch.FloatStorage, "7", "cpu", 10, (key, offset, size)))
    longs = Reference(("storage", torch.LongStorage, "3", "cuda:0", 2, None))
    obj = collections.OrderedDict([
        ("first", Rebuilt(view("71", 2, 4), 1, (3,), (1,), torch._utils._rebuild_tensor)),
        ("second", Rebuilt(view("72", 6, 4), 0, (2, 2), (1, 2))),
        ("count", Rebuilt(longs, 1, (), ()))])
    # The list's order is not the order of appearance: storages lie in the list's.
    legacy("legacy_views.pth", obj, ["3", "7"], {"7": floats, "3": np.array([5, 9])}, as_python2)
    readable("legacy_views.pth", "PyTorch (legacy)", {
        "first": torch.tensor([3., 4., 5.]), "second": torch.tensor([[6., 8.], [7., 9.]]), "count": torch.tensor(9)})

    storages = dump(2) + dump((11, "cpu", torch.FloatStorage)) + struct.pack("<q", 10) + floats.tobytes()
    storages += dump((12, "cpu", torch.LongStorage)) + struct.pack("<q", 1) + struct.pack("<q", 41)
    storages += dump([(13, 11, 4, 6)])
    tensors = dump(3)
    for key, storage, kind, shape, stride, offset in ((1, 11, torch.FloatTensor, (2, 3), (1, 2), 1),
                                                      (2, 12, torch.LongTensor, (1,), (1,), 0),
                                                      (3, 13, torch.FloatTensor, (2,), (2,), 1)):
        tensors += dump((key, storage, kind)) + struct.pack("<iI", len(shape), 0)
        tensors += struct.pack(f"<{len(shape)}q", *shape) + struct.pack(f"<{len(shape)}q", *stride)
        tensors += struct.pack("<q", offset)
    obj = {"state_dict": collections.OrderedDict([("module.w", Reference(1)), ("module.n", Reference(2)),
                                                  ("module.v", Reference(3))]), "epoch": 2}
    with tarfile.open(OUT / "tar.pth", "w:", format=tarfile.PAX_FORMAT) as tar:
        for name, data in (("storages", storages), ("tensors", tensors), ("pickle", dump(obj))):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    readable("tar.pth", "PyTorch (tar)", {"w": torch.tensor([[1., 3., 5.], [2., 4., 6.]]), "n": torch.tensor([41]),
                                          "v": torch.tensor([5., 7.])}, path="state_dict", prefix="module.")
    # Without an index of tensors, storages lie where their ids do otherwise.
    obj = collections.OrderedDict(w=Rebuilt(("storage", torch.FloatStorage, "11", "cpu", 10), 1, (2, 3), (1, 2)))
    with tarfile.open(OUT / "tar_without_tensors.pth", "w:") as tar:
        for name, data in (("storages", storages), ("pickle", dump(obj))):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    readable("tar_without_tensors.pth", "PyTorch (tar)", {"w": torch.tensor([[1., 3., 5.], [2., 4., 6.]])})
    peer = torch.load(OUT / "tar.pth", weights_only=False)["state_dict"]
    assert peer["module.w"].tolist() == [[1, 3, 5], [2, 4, 6]] and peer["module.v"].tolist() == [5, 7]
    peer = torch.load(OUT / "legacy_views.pth", weights_only=False, map_location="cpu")
    assert peer["second"].tolist() == [[6, 8], [7, 9]] and peer["count"].item() == 9


def make_safetensors():
    tensors = {**all_dtypes(), "empty": torch.zeros(2, 0), "scalar": torch.tensor(3.5), "matrix": seeded(3, 5)}
    safetensors.torch.save_file(tensors, OUT / "plain.safetensors", metadata={"format": "pt", "note": "größer"})
    order = sorted(tensors, key=lambda k: k)
    readable("plain.safetensors", "safetensors", {k: tensors[k] for k in order})
    EXPECTED["plain.safetensors"].update(any_order=True, metadata={"format": "pt", "note": "größer"})


# Weights in parts, and NumPy's arrays.

def make_reparametrised():
    """What torch computes with in evaluation, from the parts that it saves."""
    from torch.nn.utils import parametrizations, prune
    from torch.nn.utils.spectral_norm import spectral_norm as old_spectral_norm
    from torch.nn.utils.weight_norm import weight_norm as old_weight_norm
    torch.manual_seed(7)
    made = {}

    def filled(layer, *shape):
        with torch.no_grad():
            layer.weight.copy_(seeded(*shape))
            layer.bias.zero_()
        return layer

    def conv():
        return filled(torch.nn.Conv2d(3, 4, 2), 4, 3, 2, 2)

    def wake(layer):
        """A training step of the power iteration, and the norm's length apart from the weight's."""
        layer.train()
        layer(torch.ones(1, 3, 4, 4) if layer.weight.dim() == 4 else torch.ones(1, 5))
        for name, parameter in layer.named_parameters():
            if name.endswith(("_g", "original0")):
                parameter.data.mul_(1.25)
        return layer.eval()

    made["pruned"] = prune.l1_unstructured(conv(), "weight", 0.5)
    for dim in (0, 1, 3, None):
        made[f"old_norm_{dim}"] = wake(old_weight_norm(conv(), dim=dim))
        made[f"norm_{dim}"] = wake(parametrizations.weight_norm(conv(), dim=dim))
    made["norm_linear"] = wake(parametrizations.weight_norm(filled(torch.nn.Linear(5, 2), 2, 5)))
    made["old_spectral"] = wake(old_spectral_norm(conv()))
    made["spectral"] = wake(parametrizations.spectral_norm(conv()))
    made["spectral_transposed"] = parametrizations.spectral_norm(
        filled(torch.nn.ConvTranspose2d(3, 4, 2), 3, 4, 2, 2)).eval()
    state = {f"{name}.{key}": value for name, layer in made.items() for key, value in layer.state_dict().items()}
    expected = {}
    for name, layer in made.items():
        shape = (1, 5) if name == "norm_linear" else (1, 3, 4, 4)
        layer(torch.ones(shape))
        expected[name + ".bias"] = layer.bias
        expected[name + ".weight"] = layer.weight
    save("reparametrised.pth", state)
    readable("reparametrised.pth", "PyTorch (zip)", expected, candidates=[[".", len(state)]])
    EXPECTED["reparametrised.pth"].update(any_order=True, tolerance=1e-6)
    safetensors.torch.save_file({k: v.contiguous() for k, v in state.items()}, OUT / "reparametrised.safetensors")
    readable("reparametrised.safetensors", "safetensors", expected, candidates=[[".", len(state)]])
    EXPECTED["reparametrised.safetensors"].update(any_order=True, tolerance=1e-6)

    other = torch.nn.utils.parametrizations.orthogonal(torch.nn.Linear(3, 3))
    save("orthogonal.pth", other.state_dict())
    readable("orthogonal.pth", "PyTorch (zip)", other.state_dict())


def make_numpy():
    dtypes = ("f8", "f4", "f2", "i8", "i4", "i2", "i1", "u1", "b1", ">f4", ">i2")
    source = np.array([[0, 1, 2], [100, 3, 4]])
    arrays = {"type_" + d.replace(">", "big_"): source.astype(d) for d in dtypes}
    arrays |= {"fortran": np.asfortranarray(np.arange(24, dtype=np.float32).reshape(2, 3, 4)),
               "strided": np.arange(12, dtype=np.float32).reshape(3, 4)[:, ::2], "empty": np.zeros((0, 3), np.float32),
               "zero_d": np.array(2.5), "scalar": np.float32(1.5), "count": np.int64(7),
               "bytes_above_127": np.array([-1.0, -255.0, 3e38], np.float32)}
    mixed = {"conv.weight": seeded(2, 3), **arrays}

    def tensor(value):
        value = np.asarray(value)
        return torch.from_numpy(np.ascontiguousarray(value.astype(value.dtype.newbyteorder("="))).reshape(value.shape))

    expected = {k: v if isinstance(v, torch.Tensor) else tensor(v) for k, v in mixed.items()}
    # Scalars do not make a dictionary one of tensors.
    candidates = [[".", sum(not np.isscalar(v) for v in mixed.values())]]
    for protocol in (2, 4, 5):
        save(f"numpy_protocol{protocol}.pth", mixed, pickle_protocol=protocol)
        readable(f"numpy_protocol{protocol}.pth", "PyTorch (zip)", expected, candidates=candidates)
    old = pathlib.Path(OUT / "numpy_protocol2.pth").read_bytes()
    rezip(io.BytesIO(old), "numpy_old_names.pth",
          lambda name, data: data.replace(b"numpy._core.", b"numpy.core.") if name.endswith("data.pkl") else data)
    readable("numpy_old_names.pth", "PyTorch (zip)", expected, candidates=candidates)
    save("numpy_complex.pth", {"w": np.ones(2, np.complex64)})
    refused("numpy_complex.pth", "unsupported", "w", "c8")
    save("numpy_text.pth", {"w": np.array(["a", "b"])})
    refused("numpy_text.pth", "unsupported", "w", "U1")
    save("numpy_objects.pth", {"w": np.array([None, 1], dtype=object)})
    refused("numpy_objects.pth", "unsupported", "w", "O8")


class Marked(torch.nn.Parameter):
    pass


def make_surroundings():
    """State dicts among what training scripts save beside them."""
    import argparse
    weights = small()
    training = {
        "state_dict": weights, "args": argparse.Namespace(lr=0.1, layers=[1, 2]), "best": np.float64(0.5),
        "curve": np.arange(3.0), "rng": torch.arange(8, dtype=torch.uint8), "optimizer": {
            "state": {0: {"step": torch.tensor(3.0), "exp_avg": seeded(2)}}, "param_groups": [{"lr": 0.1}]},
        "hyper_parameters": {"width": 3, "mean": [0.5]}, "callbacks": {"best": {"score": torch.tensor(0.5)}},
        "counts": collections.defaultdict(int, {"a": 1})}
    save("surroundings.pth", training)
    readable("surroundings.pth", "PyTorch (zip)", weights, path="state_dict",
             candidates=[["state_dict", 3], ["callbacks.best", 1]])
    save("deepspeed.pth", {"module": weights, "ds_config": {"a": 1}, "global_steps": 3})
    readable("deepspeed.pth", "PyTorch (zip)", weights, path="module")
    save("defaultdict.pth", collections.defaultdict(list, weights))
    readable("defaultdict.pth", "PyTorch (zip)", weights)
    save("optimizer_only.pth", {"state": {0: {"exp_avg": seeded(2)}}, "param_groups": [{"lr": 0.1, "params": [0]}]})
    refused("optimizer_only.pth", "unsupported", "no tensors by name", "param_groups")
    subclass = {"w": Marked(seeded(2)), "v": torch.nn.Buffer(seeded(3))}
    save("subclasses.pth", subclass)
    readable("subclasses.pth", "PyTorch (zip)", subclass)
    modules = {"conv": {"weight": seeded(2, 3), "bias": seeded(2)}, "block": {"bn": {"weight": seeded(4)}}}
    save("nested_modules.pth", {"net": modules, "epoch": 1, "optimizer": {"slots": {"momentum": seeded(5)}}})
    readable("nested_modules.pth", "PyTorch (zip)", {
        "conv.weight": seeded(2, 3), "conv.bias": seeded(2), "block.bn.weight": seeded(4)}, path="net",
        candidates=[["net", 3], ["optimizer.slots", 1]])
    save("namespace_entry.pth", {**weights, "args": argparse.Namespace(lr=0.1)})
    refused("namespace_entry.pth", "unsupported", "args", "argparse.Namespace", "remove it")


# What is recognised and refused.

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(2))

    def forward(self, x):
        return x * self.scale


def make_foreign():
    torch.jit.save(torch.jit.script(Net()), OUT / "torchscript.pt")
    refused("torchscript.pt", "unsupported", "TorchScript", "torch.jit.load", "state_dict()")
    save("whole_module.pth", torch.nn.Sequential(torch.nn.Linear(2, 1)))
    refused("whole_module.pth", "unsupported", "whole pickled model", "torch.nn.modules.container.Sequential",
            "model.state_dict()")
    # The legacy container carries the class's source beside it.
    source = Reference(("module", torch.nn.Linear, "net.py", "class Linear: ..."))
    legacy("whole_module_legacy.pth", Rebuilt(1, 2, 3, 4, source), [], {})
    refused("whole_module_legacy.pth", "unsupported", "whole pickled model", "torch.nn.modules.linear.Linear",
            "model.state_dict()")
    save("whole_module_wrapped.pth", {"model": torch.nn.Linear(2, 1), "epoch": 1})
    refused("whole_module_wrapped.pth", "unsupported", "whole pickled model", "model.state_dict()")
    save("single_tensor.pth", seeded(3))
    refused("single_tensor.pth", "unsupported", "single tensor", "torch.save")
    save("no_tensors.pth", {"epoch": 1, "loss": [0.5]})
    refused("no_tensors.pth", "unsupported", "no tensors", "epoch", "loss")
    save("quantized.pth", {"w": torch.quantize_per_tensor(seeded(4), 0.1, 0, torch.qint8)})
    refused("quantized.pth", "unsupported", "w", "_rebuild_qtensor")
    save("sparse.pth", {"w": torch.eye(3).to_sparse()})
    refused("sparse.pth", "unsupported", "w", "_rebuild_sparse_tensor")
    save("complex.pth", {"w": torch.ones(2, dtype=torch.complex64)})
    refused("complex.pth", "unsupported", "ComplexFloatStorage")
    save("float8.pth", {"w": torch.ones(2).to(torch.float8_e4m3fn)})
    refused("float8.pth", "unsupported", "w", "float8_e4m3fn")
    save("negated.pth", {"w": torch.ones(2, dtype=torch.complex64).conj().imag})
    refused("negated.pth", "unsupported", "w", "negated")
    save("object_entry.pth", {"w": seeded(2), "x": pathlib.PurePosixPath("a")})
    refused("object_entry.pth", "unsupported", "x", "pathlib")
    safetensors.torch.save_file({"w": torch.ones(2).to(torch.float8_e4m3fn)}, OUT / "float8.safetensors")
    refused("float8.safetensors", "unsupported", "w", "F8_E4M3")

    (OUT / "plain.pkl").write_bytes(pickle.dumps({"w": [1.0, 2.0]}))
    refused("plain.pkl", "unsupported", "plain pickle", "torch.save")
    (OUT / "plain_numpy.pkl").write_bytes(pickle.dumps({"w": np.ones(2)}))
    refused("plain_numpy.pkl", "unsupported", "plain pickle", "NumPy", "from_numpy")
    np.savez(OUT / "arrays.npz", w=np.ones(2))
    refused("arrays.npz", "unsupported", "npz", "numpy.load")
    whole = (OUT / "zip_protocol2.pth").read_bytes()
    (OUT / "gzip.pth").write_bytes(gzip.compress(b"weights", mtime=0))
    refused("gzip.pth", "unsupported", "gzip", "gunzip")
    foreign = {
        "html.pth": (b"\n<!DOCTYPE html><html><title>404</title>", "unsupported", "web page", "download"),
        "lfs.pth": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "unsupported", "Git LFS",
                    "git lfs pull"),
        "keras.h5": (b"\x89HDF\r\n\x1a\n" + bytes(24), "unsupported", "HDF5", "convert"),
        "model.onnx": (b"\x08\x07\x12\x07pytorch\x1a\x052.0.0" + bytes(16), "unsupported", "ONNX"),
        "table.t7": (struct.pack("<6i", 3, 1, 2, 2, 6, 0) + b"protos" + bytes(16), "unsupported", "Torch7", "torchfile"),
        "object.t7": (struct.pack("<3i", 4, 1, 3) + b"V 1" + struct.pack("<i", 17) + b"torch.FloatTensor" + bytes(16),
                      "unsupported", "Torch7", "torchfile"),
        "ascii.t7": (b"4\n1\n3\nV 1\n17\ntorch.FloatTensor\n", "unsupported", "Torch7", "torchfile"),
        "vgg.caffemodel": (b"\x0a\x10VGG_ILSVRC_19net\x12\x04\x22\x02hi" + bytes(8), "unsupported", "Caffe", "PyTorch"),
        "resnet.caffemodel": (b"\x0a\x06ResNet\xa2\x06\x04\x0a\x02hi" + bytes(8), "unsupported", "Caffe", "PyTorch"),
        "vgg.mat": (b"MATLAB 5.0 MAT-file, Platform: GLNXA64" + bytes(90), "unsupported", "MATLAB", "loadmat"),
        "mxnet.params": (struct.pack("<QQ", 0x112, 0) + bytes(16), "unsupported", "MXNet"),
        "error.json": (b'{"message": "Not Found"}', "unsupported", "JSON", "download"),
        "empty.pth": (b"", "bad_input", "empty", "download it again"),
        "noise.pth": (bytes(range(200, 256)), "bad_input", "not a file of weights"),
        "truncated_zip.pth": (whole[:-100], "bad_input", "truncated", "download it again"),
        "truncated_legacy.pth": ((OUT / "legacy_protocol2.pth").read_bytes()[:-9], "bad_input", "truncated"),
        "truncated.safetensors": ((OUT / "plain.safetensors").read_bytes()[:-9], "bad_input", "truncated"),
    }
    for case, (data, kind, *words) in foreign.items():
        (OUT / case).write_bytes(data)
        refused(case, kind, *words)


def make_keys():
    """Keys and shapes of torchvision's networks, one line each."""
    lines = []
    for name in ("alexnet", "vgg11", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "resnet18", "resnet34", "resnet50",
                 "resnet101"):
        with torch.device("meta"):
            model = torchvision.models.get_model(name)
        lines.append("# " + name)
        lines += [k + " " + "x".join(map(str, v.shape)) for k, v in model.state_dict().items()]
    (OUT / "torchvision_keys.txt").write_text("\n".join(lines) + "\n")


def main():
    OUT.mkdir(exist_ok=True)
    make_plain()
    make_wrapped()
    make_rezipped()
    make_old()
    make_safetensors()
    make_reparametrised()
    make_numpy()
    make_surroundings()
    make_foreign()
    make_keys()
    text = json.dumps(EXPECTED, indent=0, ensure_ascii=False)
    (OUT / "expected.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
