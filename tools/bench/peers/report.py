"""What tools/compare_peers writes of its measurements: which targets were met, a page in Markdown, a picture in SVG."""

import math
from xml.sax.saxutils import escape

OURS = "backlight"
EXPLAINERS = ("torch", "pytorch-grad-cam", "captum", "torch-cam")

# Of one picture of 224×224: millions of multiply-adds of 3×3 convolutions of stride 1 that are not depthwise, and of
# all others; megabytes of the linear layers' weights, which no cache holds.
WORK = {"alexnet": (361, 294, 234.5), "vgg16": (15347, 0, 494.5), "resnet18": (1503, 311, 2.0),
        "resnet50": (1503, 2584, 8.2), "efficientnet_lite0": (0, 390, 5.1)}
# How many times as fast as the best peer a forward pass is to be, and Grad-CAM as the best way by PyTorch.
FORWARD = {"alexnet": 1.05, "vgg16": 1.6, "resnet18": 1.5, "resnet50": 1.25}
GRAD_CAM = {"alexnet": 2.4, "vgg16": 4.5, "resnet18": 2.3, "resnet50": 2.1}
# How many times as fast as pytorch-grad-cam.
MAPS = {"eigen-map": 20, "ablation-cam": 20, "score-cam": 2, "road": 5}


def floor(facts, network):
    """Milliseconds of a forward pass of one picture by the best algorithms at this machine's peaks: Winograd's
    F(4×4), which takes a quarter of the products, then reading the linear layers' weights once for the batch."""
    if not facts["gflops"] or not facts["read_gb_per_s"]:
        return None
    winograd, direct, linear = WORK[network]
    return (winograd / 4 + direct) * 2 / facts["gflops"] + linear / facts["read_gb_per_s"] / facts["batch"]


def row_of(facts, network, job, peer, group=None):
    for row in facts["rows"]:
        if (row["network"], row["job"], row["peer"], row["group"]) == (network, job, peer, group or job):
            return row
    return None


def best(facts, network, job, peers=None):
    """The peer of the least minimum among those whose results agree."""
    rows = [row for row in facts["rows"]
            if row["network"] == network and row["job"] == row["group"] == job and row["peer"] != OURS
            and row["agrees"] and (peers is None or row["peer"] in peers)]
    return min(rows, key=lambda row: row["min"], default=None)


def names(facts, field):
    return list(dict.fromkeys(row[field] for row in facts["rows"]))


def targets(facts):
    """Those that the measurements say something about, of minima: {network, target, wanted, measured, met}."""
    found = []

    def add(network, target, wanted, measured, met):
        found.append({"network": network, "target": target, "wanted": wanted, "measured": f"{measured:.2f}×",
                      "met": met})

    for network in names(facts, "network"):
        ours = row_of(facts, network, "forward", OURS)
        peer = best(facts, network, "forward")
        if ours and peer and network in FORWARD:
            ratio = peer["min"] / ours["min"]
            add(network, f"forward as fast as the best peer's ({peer['peer']})", f"≥ {FORWARD[network]}×", ratio,
                ours["agrees"] and ratio >= FORWARD[network])
        cam = row_of(facts, network, "grad-cam", OURS)
        if cam:
            own = row_of(facts, network, "forward", OURS, "grad-cam")
            if own:
                ratio = cam["min"] / own["min"]
                add(network, "Grad-CAM of the own forward's time", "≤ 1.03×", ratio, cam["agrees"] and ratio <= 1.03)
            if peer:
                ratio = cam["min"] / peer["min"]
                add(network, f"Grad-CAM of the best peer's forward's time ({peer['peer']})", "< 1×", ratio,
                    cam["agrees"] and ratio < 1)
            torch = best(facts, network, "grad-cam", EXPLAINERS)
            if torch and network in GRAD_CAM:
                ratio = torch["min"] / cam["min"]
                target = f"Grad-CAM as fast as the best by PyTorch ({torch['peer']})"
                add(network, target, f"≥ {GRAD_CAM[network]}×",
                    ratio, cam["agrees"] and ratio >= GRAD_CAM[network])
        for job, wanted in MAPS.items():
            ours, peer = row_of(facts, network, job, OURS), best(facts, network, job)
            if ours and peer:
                ratio = peer["min"] / ours["min"]
                add(network, f"{job} as fast as {peer['peer']}'s", f"≥ {wanted}×", ratio,
                    ours["agrees"] and ratio >= wanted)
        guided = row_of(facts, network, "guided-grad-cam", OURS)
        own = row_of(facts, network, "forward", OURS, "guided-grad-cam")
        if guided and own:
            ratio = guided["min"] / own["min"]
            add(network, "Guided Grad-CAM of the own forward's time", "≤ 2.2×", ratio,
                guided["agrees"] and ratio <= 2.2)
    return found


def table(header, rows):
    return "".join("| " + " | ".join(cells) + " |\n" for cells in (header, ["---"] * len(header), *rows))


def milliseconds(value):
    return "–" if value is None else f"{value:.3g}" if value < 100 else f"{value:.0f}"


def cell(row):
    if row is None:
        return "–"
    text = f"{milliseconds(row['min'])} ({milliseconds(row['median'])})"
    return text if row["agrees"] else f"{text}, differs by {row['difference']:.0e}"


def markdown(facts):
    versions = facts["versions"]
    rates = ", ".join(f"{facts[key]:.0f} {unit}" for key, unit in
                      (("gflops", "GFLOP/s"), ("read_gb_per_s", "GB/s read")) if facts[key])
    text = (f"Measured on {facts['date']} by `tools/compare_peers`: {facts['processor']}, {facts['threads']} threads"
            f"{' (' + rates + ')' if rates else ''}, {facts['precision']}, batch {facts['batch']}, "
            f"`--optimise {facts['optimise']}`, {facts['turns']} turns"
            f"{', interrupted' if facts['interrupted'] else ''}; "
            + ", ".join(f"{name} {version}" for name, version in versions.items())
            + ".\nMilliseconds per picture: the least (the median). The floor is a forward pass by the best algorithms "
            "at this machine's peaks.\n")
    for job in names(facts, "group"):
        peers = list(dict.fromkeys(row["peer"] for row in facts["rows"]
                                   if row["group"] == row["job"] == job and row["peer"] != OURS))
        rows = []
        for network in names(facts, "network"):
            ours, peer = row_of(facts, network, job, OURS), best(facts, network, job)
            ratio = f"{peer['min'] / ours['min']:.2f}× {peer['peer']}" if ours and peer else "–"
            rows.append([network, milliseconds(floor(facts, network)), cell(ours), ratio,
                         *(cell(row_of(facts, network, job, name)) for name in peers)])
        text += "\n" + table([job, "floor", OURS, "as fast as the best", *peers], rows)
    if facts["targets"]:
        rows = []
        for each in facts["targets"]:
            mine = (each["network"], "forward", OURS)
            own = min((row["min"] for row in facts["rows"] if (row["network"], row["job"], row["peer"]) == mine),
                      default=None)
            verdict = "met" if each["met"] else "**missed**"
            rows.append([each["network"], each["target"], each["wanted"], each["measured"], verdict,
                         f"{milliseconds(own)} / {milliseconds(floor(facts, each['network']))}"])
        missed = sum(not each["met"] for each in facts["targets"])
        text += (f"\n{missed} of {len(facts['targets'])} targets missed:\n\n"
                 + table(["network", "target", "wanted", "measured", "", "own forward ms / floor"], rows))
    if facts["left_out"]:
        text += "\nLeft out:\n\n"
        for each in facts["left_out"]:
            text += f"- {each['peer']} of {each['job']} of {each['network']}: {each['reason']}\n"
    return text


COLOURS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#8c564b")


def plot(facts):
    """A line per job and network on a logarithmic scale of milliseconds: a dot per peer, a bar for backlight, a tick
    where the floor is. A hollow dot's result disagrees."""
    lines = [(job, network) for job in names(facts, "group") for network in names(facts, "network")
             if any(row["network"] == network and row["group"] == row["job"] == job for row in facts["rows"])]
    peers = [name for name in names(facts, "peer") if name != OURS]
    colour = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(peers)}
    legend = {OURS: "#000", "floor": "#888", **colour}
    floors = {network: floor(facts, network) for network in names(facts, "network")}
    values = [row["min"] for row in facts["rows"]] + [value for value in floors.values() if value]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)
    left, width, top, step = 260, 560, 64, 22
    height = top + step * len(lines) + 40

    def x(ms):
        return left + width * (math.log10(ms) - low) / (high - low)

    shapes = []

    def text(at, y, what, anchor="start", fill="#222"):
        shapes.append(f'<text x="{at:.1f}" y="{y}" text-anchor="{anchor}" fill="{fill}">{escape(what)}</text>')

    for i, name in enumerate([OURS, "floor", *peers]):
        at, y = 20 + 200 * (i % 4), 18 + 18 * (i // 4)
        shapes.append(f'<rect x="{at}" y="{y - 10}" width="10" height="10" fill="{legend[name]}"/>')
        text(at + 16, y, name)
    for power in range(low, high + 1):
        at = x(10.0 ** power)
        shapes.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{top - 8}" y2="{height - 30}" stroke="#ddd"/>')
        text(at, height - 14, f"{10.0 ** power:g} ms", "middle")
    for i, (job, network) in enumerate(lines):
        y = top + step * i + 8
        text(left - 12, y + 4, f"{job}, {network}", "end")
        shapes.append(f'<line x1="{left}" x2="{left + width}" y1="{y}" y2="{y}" stroke="#eee"/>')
        if floors[network]:
            at = x(floors[network])
            shapes.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{y - 8}" y2="{y + 8}" stroke="#888" '
                          'stroke-width="2"/>')
        for row in facts["rows"]:
            if row["network"] != network or row["job"] != job or row["group"] != job:
                continue
            at = x(row["min"])
            if row["peer"] == OURS:
                shapes.append(f'<rect x="{at - 3:.1f}" y="{y - 8}" width="6" height="16" fill="#000"/>')
            else:
                inside = colour[row["peer"]] if row["agrees"] else "#fff"
                shapes.append(f'<circle cx="{at:.1f}" cy="{y}" r="5" fill="{inside}" stroke="{colour[row["peer"]]}" '
                              'stroke-width="2" fill-opacity="0.8"/>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 40}" height="{height}" '
            f'font-family="sans-serif" font-size="12">\n<rect width="100%" height="100%" fill="#fff"/>\n'
            + "\n".join(shapes) + "\n</svg>\n")
