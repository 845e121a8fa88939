"""Names and shapes of every network's state dict, and the order of the operations of a few, as PyTorch has them."""

import json

from common import HERE
from reference_networks import ALL, build, state_entries
from torchvision.models.feature_extraction import get_graph_node_names

# Networks whose operations torch.fx names as backlight does.
TRACED = ["alexnet", "vgg16", "vgg16_bn", "resnet18", "resnet50", "resnext50_32x4d", "squeezenet1_0", "squeezenet1_1"]

lines = []
for name in ALL:
    network = build(name)
    entry = {"parameters": sum(p.numel() for p in network.parameters()), "entries": state_entries(network)}
    if name in TRACED:
        entry["nodes"] = get_graph_node_names(network)[1][1:]
    lines.append(f'"{name}": {json.dumps(entry, separators=(",", ":"))}')
path = HERE / "network_entries.json"
path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
print(f"{path.name}: {len(lines)} networks, {path.stat().st_size} bytes")
