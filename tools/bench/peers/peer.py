#!/usr/bin/env python3
"""The other programs' side of tools/compare_peers, in its virtual environment.

    peer.py prepare NETWORK DIR --batch N --jobs NAME,...
                                            seeded weights, pictures, and what these jobs must give, by PyTorch in
                                            double (score-cam in float32); what is there already stays
    peer.py run PEER NETWORK JOB DIR --batch N --threads N [--cold] --output FILE.npy
    peer.py versions                        a JSON object of the packages' versions

`run` does the job once and writes its result, warms up, prints `ready`, and then, for each line of input, does the job
and prints the milliseconds that it took: as `backlight-bench network --paced` does. With --cold the first line's is the
first time, and the result is that one's. A job is of class 7, in float32:

    forward          the scores, N×1000
    grad-cam         the map of that class at the layer that pytorch-grad-cam's examples name, rectified, N×h×w
    guided-backprop  the pictures' gradient under the guided rule, N×3×224×224
    guided-grad-cam  that times the rectified map, enlarged to the nearest, N×3×224×224
    eigen-cam        the map of what the layer's channels have in common, centred, of any sign, N×h×w
    eigen-map        the same of the layer's values, which are there: without the forward pass
    ablation-cam     the map whose weights are what the score loses without a channel, rectified, N×h×w
    score-cam        the map whose weights are what the scores say of the picture through each channel, rectified, N×h×w
    road             ROAD of one picture by a smooth map: changes of the class's probability, 2×9, most relevant first
"""

import argparse
import hashlib
import importlib.metadata
import json
import pathlib
import subprocess
import sys
import time
import warnings

import numpy
import torch

from by_hand import CLASS, SHARES, by_hand, road_map

warnings.filterwarnings("ignore")
JOBS = ("forward", "grad-cam", "guided-backprop", "guided-grad-cam", "eigen-cam", "eigen-map", "ablation-cam",
        "score-cam", "road")
PACKAGES = ("torch", "torchvision", "onnxruntime", "openvino", "ncnn", "grad-cam", "captum", "torchcam",
            "efficientnet-lite-pytorch", "numpy", "scipy")


# Networks, weights, pictures.

def build(name):
    """The network without weights, and the module whose output Grad-CAM looks at."""
    if name == "efficientnet_lite0":
        from efficientnet_lite_pytorch import EfficientNet

        model = EfficientNet.from_name("efficientnet-lite0")
        # The activation that is pooled is no module of its own: the stem uses the same one.
        layer = torch.nn.Identity()
        model._avg_pooling = torch.nn.Sequential(layer, model._avg_pooling)
        return model, layer
    import torchvision

    model = getattr(torchvision.models, name)(weights=None)
    return model, model.layer4 if name.startswith("resnet") else model.features[-1]


def load(name, folder):
    """The network to explain: its parameters need no gradients, and no ReLU overwrites what a hook has seen."""
    model, layer = build(name)
    model.load_state_dict(torch.load(folder / "weights.pth"))
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for module in model.modules():
        if isinstance(module, (torch.nn.ReLU, torch.nn.ReLU6)):
            module.inplace = False
    return model.eval(), layer


def settle(model, pictures):
    """Random weights under which activations keep their size, with the statistics that the pictures have."""
    for module in model.modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
            torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                torch.nn.init.uniform_(module.bias, -0.1, 0.1)
        elif isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
            torch.nn.init.uniform_(module.weight, 0.9, 1.1)
            torch.nn.init.uniform_(module.bias, -0.1, 0.1)
    model.train()
    with torch.no_grad():
        model(pictures)


def draw_pictures(count):
    """N×3×224×224: large soft shapes with noise, so that a map has something to tell apart."""
    shapes = torch.nn.functional.interpolate(torch.randn(count, 3, 8, 8), (224, 224), mode="bilinear")
    return shapes + 0.3 * torch.randn(count, 3, 224, 224)


def prepare(name, folder, batch, jobs):
    # What these files and these packages have made before is the same again.
    code = b"".join(pathlib.Path(__file__).with_name(file).read_bytes() for file in ("by_hand.py", "peer.py"))
    key = hashlib.sha256(code + json.dumps([batch, versions()]).encode()).hexdigest()
    mark = folder / "prepared"
    if mark.exists() and mark.read_text() == key:
        jobs = [job for job in jobs if not (folder / f"expected-{job}.npy").exists()]
    else:
        mark.unlink(missing_ok=True)
        draw(name, folder, batch)
    pictures = torch.from_numpy(numpy.fromfile(folder / "input.f32", numpy.float32).reshape(batch, 3, 224, 224))
    for job in jobs:
        numpy.save(folder / f"expected-{job}.npy", expected(name, folder, job, pictures))
    mark.write_text(key)


def expected(name, folder, job, pictures):
    network, layer = load(name, folder)
    kind = torch.float32 if job == "score-cam" else torch.float64
    return by_hand(network.to(kind), layer, job)(pictures.to(kind)).float().numpy()


def draw(name, folder, batch):
    """Weights and pictures."""
    torch.manual_seed(0)
    model, _ = build(name)
    settle(model, draw_pictures(4))
    pictures = draw_pictures(batch)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("expected-*.npy"):
        old.unlink()

    # Without evidence for the class there would be no map to compare: its score's sign is the weights' choice.
    last = [module for module in model.modules() if isinstance(module, torch.nn.Linear)][-1]

    def negate():
        with torch.no_grad():
            last.weight[CLASS].neg_()
        torch.save(model.state_dict(), folder / "weights.pth")

    negate()
    evidence = expected(name, folder, "grad-cam", pictures).sum()
    negate()
    if expected(name, folder, "grad-cam", pictures).sum() < evidence:
        negate()
    # And a probability of a half has changes to compare.
    with torch.no_grad():
        scores = torch.from_numpy(expected(name, folder, "forward", pictures[:1]))[0]
        others = torch.cat([scores[:CLASS], scores[CLASS + 1:]]).logsumexp(0)
        last.bias[CLASS] += others - scores[CLASS]
    torch.save(model.state_dict(), folder / "weights.pth")
    pictures.numpy().tofile(folder / "input.f32")


# The peers: each gives a function of the pictures.

def onnxruntime(name, folder, job, pictures, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(export("onnx", name, folder, pictures), options,
                                           providers=["CPUExecutionProvider"])
    x = pictures.numpy()
    return lambda: session.run(None, {"in0": x})[0]


def openvino(name, folder, job, pictures, threads):
    import openvino

    core = openvino.Core()
    # Without the hint it would compute in bfloat16 where the processor can.
    core.set_property("CPU", {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32",
                              "PERFORMANCE_HINT": "LATENCY"})
    request = core.compile_model(export("onnx", name, folder, pictures), "CPU").create_infer_request()
    x = pictures.numpy()
    return lambda: request.infer([x], share_inputs=True)[0]


def ncnn(name, folder, job, pictures, threads):
    import ncnn

    export("pt", name, folder, pictures)
    pnnx = pathlib.Path(sys.executable).parent / "pnnx"
    subprocess.run([pnnx, "network.pt", "inputshape=[1,3,224,224]", "fp16=0"], cwd=folder, check=True,
                   stdout=subprocess.DEVNULL)
    net = ncnn.Net()
    net.opt.num_threads = threads
    for halves in ("fp16_storage", "fp16_arithmetic", "fp16_packed", "bf16_storage"):
        setattr(net.opt, "use_" + halves, False)
    net.load_param(str(folder / "network.ncnn.param"))
    net.load_model(str(folder / "network.ncnn.bin"))
    x = pictures.numpy()

    def forward():
        results = []
        for picture in x:
            extractor = net.create_extractor()
            extractor.input("in0", ncnn.Mat(picture))
            results.append(numpy.array(extractor.extract("out0")[1]).reshape(-1))
        return numpy.stack(results)
    return forward


def export(kind, name, folder, pictures):
    """Writes network.onnx or network.pt, in another process: threads that PyTorch leaves would disturb this one."""
    subprocess.run([sys.executable, __file__, "export", kind, name, folder, f"--batch={len(pictures)}"], check=True,
                   stdout=subprocess.DEVNULL)
    return str(folder / f"network.{kind}")


def write_exported(kind, name, folder, batch):
    model, _ = load(name, folder)
    if kind == "onnx":
        torch.onnx.export(model, (torch.zeros(batch, 3, 224, 224),), folder / "network.onnx", input_names=["in0"],
                          output_names=["out0"], dynamo=False)
    else:
        torch.jit.trace(model, torch.zeros(1, 3, 224, 224)).save(folder / "network.pt")


def torch_eager(name, folder, job, pictures, threads):
    run = by_hand(*load(name, folder), job)
    return lambda: run(pictures)


def torch_compile(name, folder, job, pictures, threads):
    import torch._inductor.config

    torch._inductor.config.freezing = True
    model = torch.compile(load(name, folder)[0])

    def forward():
        with torch.no_grad():
            return model(pictures)
    return forward


def pytorch_grad_cam(name, folder, job, pictures, threads):
    model, layer = load(name, folder)
    for parameter in model.parameters():
        parameter.requires_grad_(True)  # as its users have it: its hooks see no gradient otherwise
    if job == "guided-backprop":
        from pytorch_grad_cam import GuidedBackpropReLUModel

        guided = GuidedBackpropReLUModel(model, device="cpu")  # of the first picture alone
        return lambda: numpy.stack([guided(picture[None].clone(), target_category=CLASS).transpose(2, 0, 1)
                                    for picture in pictures])
    from pytorch_grad_cam import AblationCAM, EigenCAM, GradCAM, ScoreCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    if job == "road":
        return pytorch_grad_cam_road(model, pictures)
    if job == "eigen-map":
        from pytorch_grad_cam.utils.svd_on_activations import get_2d_projection

        kept = {}
        layer.register_forward_hook(lambda module, inputs, output: kept.update(a=output.detach().numpy()))
        model(pictures)
        return lambda: get_2d_projection(kept["a"])

    class Kept({"ablation-cam": AblationCAM, "eigen-cam": EigenCAM, "score-cam": ScoreCAM}.get(job, GradCAM)):
        """Keeps the map that it enlarges and scales."""

        def get_cam_image(self, *arguments, **named):
            self.map = super().get_cam_image(*arguments, **named)
            return self.map

    cam = Kept(model=model, target_layers=[layer])

    def explain():
        cam(pictures, targets=[ClassifierOutputTarget(CLASS)] * len(pictures))
        return cam.map if job == "eigen-cam" else numpy.maximum(cam.map, 0)
    return explain


def pytorch_grad_cam_road(model, pictures):
    """Its ROADCombined, but for the means over percentiles. Noise is drawn and takes its time, and is 0."""
    from pytorch_grad_cam.metrics.road import ROADLeastRelevantFirst, ROADMostRelevantFirst
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputSoftmaxTarget

    picture, maps, targets = pictures[:1], road_map(pictures).numpy()[None], [ClassifierOutputSoftmaxTarget(CLASS)]

    def change(order, share):
        metric = order(100 * share)
        metric.perturbation.imputer.noise = 0
        return metric(picture, maps, targets, model)

    return lambda: numpy.stack([numpy.concatenate([change(order, share) for share in SHARES])
                                for order in (ROADMostRelevantFirst, ROADLeastRelevantFirst)])


def captum(name, folder, job, pictures, threads):
    from captum import attr

    model, layer = load(name, folder)
    if job == "grad-cam":
        cam = attr.LayerGradCam(model, layer)
        return lambda: cam.attribute(pictures, target=CLASS, relu_attributions=True)[:, 0]
    method = attr.GuidedBackprop(model) if job == "guided-backprop" else attr.GuidedGradCam(model, layer)
    return lambda: method.attribute(pictures.clone().requires_grad_(), target=CLASS)


def torch_cam(name, folder, job, pictures, threads):
    from torchcam.methods import GradCAM

    model, layer = load(name, folder)
    cam = GradCAM(model, target_layer=layer)
    x = pictures.requires_grad_()

    def explain():
        scores = model(x)
        return cam([CLASS] * len(x), scores, normalized=False)[0]
    return explain


PEERS = {"onnxruntime": onnxruntime, "openvino": openvino, "ncnn": ncnn, "torch-compile": torch_compile,
         "torch": torch_eager, "pytorch-grad-cam": pytorch_grad_cam, "captum": captum, "torch-cam": torch_cam}


def run(peer, name, job, folder, batch, threads, cold, output):
    torch.set_num_threads(threads)
    pictures = torch.from_numpy(numpy.fromfile(folder / "input.f32", numpy.float32).reshape(batch, 3, 224, 224))
    once = PEERS[peer](name, folder, job, pictures, threads)

    def keep(result):
        numpy.save(output, result.detach().numpy() if isinstance(result, torch.Tensor) else result)

    if not cold:
        keep(once())
        once(), once()
    print("ready", flush=True)
    for number, _ in enumerate(sys.stdin):
        begin = time.perf_counter()
        result = once()
        took = time.perf_counter() - begin
        if cold and number == 0:
            keep(result)
        print(f"{1e3 * took:.4f}", flush=True)


def versions():
    installed = {each.metadata["Name"].lower(): each.version for each in importlib.metadata.distributions()}
    return {name: installed[name] for name in PACKAGES if name in installed}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("versions")
    for command, positional in (("prepare", ()), ("export", ("kind",)), ("run", ("peer",))):
        sub = commands.add_parser(command)
        for argument in positional:
            sub.add_argument(argument)
        sub.add_argument("network")
        if command == "run":
            sub.add_argument("job", choices=JOBS)
            sub.add_argument("--threads", type=int, required=True)
            sub.add_argument("--cold", action="store_true")
            sub.add_argument("--output", type=pathlib.Path, required=True)
        sub.add_argument("dir", type=pathlib.Path)
        sub.add_argument("--batch", type=int, required=True)
        if command == "prepare":
            sub.add_argument("--jobs", required=True)
    args = parser.parse_args()
    if args.command == "versions":
        print(json.dumps(versions()))
    elif args.command == "prepare":
        prepare(args.network, args.dir, args.batch, args.jobs.split(","))
    elif args.command == "export":
        write_exported(args.kind, args.network, args.dir, args.batch)
    else:
        run(args.peer, args.network, args.job, args.dir, args.batch, args.threads, args.cold, args.output)


if __name__ == "__main__":
    main()
