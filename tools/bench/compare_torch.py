"""Times forward passes of PyTorch and of backlight in turns, and prints medians and their ratio.

    python tools/bench/compare_torch.py build/release/tools/bench/backlight-bench --threads 2 --repeat 20

Needs torch, torchvision and, for EfficientNet-Lite0, efficientnet-lite-pytorch. Both run float32 on random
inputs and random weights; PyTorch in its default eager mode under inference_mode. Turns matter: what else runs
on the machine then slows both alike, and the ratio is the median over the turns' own ratios.
"""

import argparse
import statistics
import subprocess
import time

import torch
import torchvision


def efficientnet_lite0():
    from efficientnet_lite_pytorch import EfficientNet

    return EfficientNet.from_name("efficientnet-lite0")


NETWORKS = {
    "vgg16": torchvision.models.vgg16,
    "alexnet": torchvision.models.alexnet,
    "resnet18": torchvision.models.resnet18,
    "resnet50": torchvision.models.resnet50,
    "efficientnet_lite0": efficientnet_lite0,
}


class Backlight:
    """A process that runs one forward for every line it is sent."""

    def __init__(self, program, name, threads, repeat, batch):
        options = [f"--threads={threads}", f"--repeat={repeat}", f"--batch={batch}", "--paced"]
        self.process = subprocess.Popen(
            [program, "network", name, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        if self.process.stdout.readline().strip() != "ready":
            raise SystemExit(f"{program} ended with status {self.process.wait()}")

    def forward_ms(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args[0]} ended with status {self.process.wait()}")
        return float(line)

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="the built backlight-bench")
    parser.add_argument("networks", nargs="*", default=list(NETWORKS), help="all by default")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=20)
    parser.add_argument("--batch", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)

    print(f"torch {torch.__version__}, {args.threads} threads, batch {args.batch}, {args.repeat} turns")
    print(f"{'network':<20} {'torch ms':>10} {'backlight ms':>13} {'ratio':>7}")
    for name in args.networks:
        model = NETWORKS[name]().eval()
        x = torch.rand(args.batch, 3, 224, 224) * 2 - 1
        ours = Backlight(args.program, name, args.threads, args.repeat, args.batch)
        theirs_ms, ours_ms = [], []
        with torch.inference_mode():
            model(x)
            for _ in range(args.repeat):
                begin = time.perf_counter()
                model(x)
                theirs_ms.append((time.perf_counter() - begin) * 1e3)
                ours_ms.append(ours.forward_ms())
        ours.close()
        ratio = statistics.median(o / t for o, t in zip(ours_ms, theirs_ms))
        print(f"{name:<20} {statistics.median(theirs_ms):10.2f} {statistics.median(ours_ms):13.2f} {ratio:7.2f}")


if __name__ == "__main__":
    main()
