"""Boxes and PxAP by wsolevaluation's scripts, scikit-learn's average precision, TorchRay's pointing game:
localization.safetensors."""

import pathlib
import tempfile

import cv2
import numpy as np
import torch
from sklearn.metrics import average_precision_score
from torchray.benchmark.pointing_game import PointingGame

from common import Golden, fill, use_scripts

SIDE = 224
THRESHOLDS = np.arange(0, 1, 0.01)
# Name: shape of the raw map, whether it is rectified, the picture's size, truth boxes (inclusive, whole pixels).
CASES = {
    "coarse": ((7, 7), False, (500, 375), [(14, 163, 180, 327), (77, 2, 235, 154)]),
    "rectified": ((7, 7), True, (227, 227), [(30, 41, 190, 201)]),
    "wide": ((6, 9), True, (640, 301), [(0, 0, 639, 300), (100, 20, 333, 250)]),
    "noise": ((56, 56), False, (224, 224), [(60, 60, 131, 139), (5, 5, 9, 9)]),
    "fine": ((224, 224), True, (333, 500), [(200, 30, 332, 499)]),
    "constant": ((7, 7), None, (100, 100), [(10, 10, 59, 59)]),
}


def raw_map(name, shape, rectified):
    cam = fill(f"localization.{name}", shape)
    if rectified is None:
        return np.full(shape, 0.25, np.float32)
    return np.maximum(cam, 0) if rectified else cam


def scoremap_of(cam):
    return inference.normalize_scoremap(cv2.resize(cam.astype(float), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC))


def overlaps(scoremap, truth, size, multi):
    """By threshold: what BoxEvaluator compares with its thresholds of IoU."""
    resized = np.array([evaluation.resize_bbox(box, size, (SIDE, SIDE)) for box in truth])
    boxes, _ = evaluation.compute_bboxes_from_scoremaps(scoremap, THRESHOLDS, multi)
    return [evaluation.calculate_multiple_iou(at, resized).max() for at in boxes]


def evaluated(evaluator, scoremaps, dataset, multi=False, **metadata):
    """What their evaluator says of scoremaps by picture; metadata's files hold lists of rows."""
    with tempfile.TemporaryDirectory() as folder:
        for name, rows in metadata.items():
            lines = [",".join(map(str, row)) + "\n" for row in rows]
            pathlib.Path(folder, name + ".txt").write_text("".join(lines))
        run = evaluator(metadata=evaluation.configure_metadata(folder), dataset_name=dataset, split="test",
                        cam_threshold_list=list(THRESHOLDS), iou_threshold_list=[30, 50, 70], mask_root=str(MASKS.name),
                        multi_contour_eval=multi)
        for name, scoremap in scoremaps.items():
            run.accumulate(scoremap, name)
        return np.array(run.compute()) / 100


def pxap(scoremap, masks, ignored):
    """Of one picture of OpenImages: its masks and what is ignored are pictures, 0 or 255."""
    names = [f"{i}.png" for i in range(len(masks))]
    for name, picture in zip(names + ["ignored.png"], masks + [ignored]):
        cv2.imwrite(str(pathlib.Path(MASKS.name, name)), picture)
    rows = [("picture", name, "" if i else "ignored.png") for i, name in enumerate(names)]
    return evaluated(evaluation.MaskEvaluator, {"picture": scoremap}, "OpenImages", localization=rows)


def box_mask(size, x0, y0, x1, y1):
    mask = np.zeros(size[::-1], np.uint8)
    mask[y0:y1, x0:x1] = 255
    return mask


np.float = float  # which NumPy no longer has
use_scripts("clovaai/wsolevaluation", "b98c7d1198e48423b9289ee032a52d2cc0f0f53a", "config.py", "data_loaders.py",
            "evaluation.py", "inference.py", "util.py")
import evaluation  # noqa: E402
import inference  # noqa: E402

MASKS = tempfile.TemporaryDirectory()
golden = Golden("localization")
scoremaps = {}
for name, (shape, rectified, size, truth) in CASES.items():
    scoremaps[name] = scoremap_of(raw_map(name, shape, rectified))
    for kind, multi in (("largest", False), ("best", True)):
        golden.add(f"{name}.{kind}", overlaps(scoremaps[name], truth, size, multi))
for kind, multi in (("largest", False), ("best", True)):
    golden.add(f"max_box_acc.{kind}", evaluated(
        evaluation.BoxEvaluator, scoremaps, "ILSVRC", multi, image_ids=[(name,) for name in CASES],
        image_sizes=[(name, *case[2]) for name, case in CASES.items()],
        localization=[(name, *box) for name, case in CASES.items() for box in case[3]]))

scores = raw_map("pixels", (32, 32), True)
mask = box_mask((32, 32), 4, 8, 25, 20)
golden.add("average_precision", [average_precision_score(mask.ravel() > 0, scores.ravel())])
evaluation._RESIZE_LENGTH = 32
golden.add("pxap", [pxap((scores / scores.max()).astype(float), [mask], np.zeros_like(mask))])
evaluation._RESIZE_LENGTH = SIDE
masks = [box_mask((301, 187), 20, 30, 100, 90), box_mask((301, 187), 90, 10, 200, 77)]
ignored = box_mask((301, 187), 60, 70, 290, 170)
golden.add("pxap.masks", [pxap(scoremap_of(raw_map("masks", (7, 7), False)), masks, ignored)])
mask = torch.zeros((20, 24), dtype=torch.uint8)
mask[3:6, 2:9] = 1
mask[17, 20] = 1
for tolerance in (4, 15):
    game = PointingGame(1, tolerance)
    golden.add(f"pointing.{tolerance}", np.array(
        [[game.evaluate(mask, (x, y)) == 1 for x in range(24)] for y in range(20)], np.float32))
golden.save()
