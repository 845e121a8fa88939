"""wsolevaluation's boxes and PxAP restated with OpenCV, scikit-learn's average precision, TorchRay's pointing game:
localization.safetensors."""

import cv2
import numpy as np
import torch
from sklearn.metrics import average_precision_score
from torchray.benchmark.pointing_game import PointingGame

from common import Golden, fill

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


def normalize_scoremap(cam):
    if np.isnan(cam).any() or cam.min() == cam.max():
        return np.zeros_like(cam)
    cam = cam - cam.min()
    return cam / cam.max()


def resize_bbox(box, image_size):
    (w, h), (x0, y0, x1, y1) = map(float, image_size), map(float, box)
    return int(x0 * SIDE / w), int(y0 * SIDE / h), int(x1 * SIDE / w), int(y1 * SIDE / h)


def boxes_at(scoremap, threshold, multi_contour_eval):
    image = np.expand_dims((scoremap * 255).astype(np.uint8), 2)
    _, binary = cv2.threshold(src=image, thresh=int(threshold * np.max(image)), maxval=255, type=cv2.THRESH_BINARY)
    contours = cv2.findContours(image=binary, mode=cv2.RETR_TREE, method=cv2.CHAIN_APPROX_SIMPLE)[0]
    if len(contours) == 0:
        return [(0, 0, 0, 0)]
    if not multi_contour_eval:
        contours = [max(contours, key=cv2.contourArea)]
    height, width = scoremap.shape
    boxes = []
    for contour in contours:
        x, y, w, h = cv2.boundingRect(contour)
        boxes.append((x, y, min(x + w, width - 1), min(y + h, height - 1)))
    return boxes


def iou(a, b):
    def area(box):
        return (box[2] - box[0] + 1) * (box[3] - box[1] + 1)

    common = max(0, min(a[2], b[2]) - max(a[0], b[0]) + 1) * max(0, min(a[3], b[3]) - max(a[1], b[1]) + 1)
    return common / (area(a) + area(b) - common)


def get_mask(masks, ignored):
    def at_side(picture):
        return cv2.resize(np.float32(picture), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST) > 0.5

    on = np.stack([at_side(mask) for mask in masks]).any(axis=0)
    return on.astype(np.uint8) + 255 * (at_side(ignored) & ~on).astype(np.uint8)


def box_mask(size, x0, y0, x1, y1):
    mask = np.zeros(size[::-1], np.uint8)
    mask[y0:y1, x0:x1] = 255
    return mask


def pxap(scoremap, mask):
    edges = np.append(THRESHOLDS, [1.0, 2.0, 3.0])
    true = np.histogram(scoremap[mask == 1], bins=edges)[0].astype(float)
    false = np.histogram(scoremap[mask == 0], bins=edges)[0].astype(float)
    tp, fp = true[::-1].cumsum(), false[::-1].cumsum()
    precision, recall = tp / np.maximum(tp + fp, 1), tp / true.sum()
    found = (tp + fp) != 0
    return (precision[1:] * np.diff(recall))[found[1:]].sum()


golden = Golden("localization")
for name, (shape, rectified, size, truth) in CASES.items():
    cam = raw_map(name, shape, rectified)
    scoremap = normalize_scoremap(cv2.resize(cam, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC))
    resized = [resize_bbox(box, size) for box in truth]
    for kind, multi in (("largest", False), ("best", True)):
        overlaps = [max(iou(box, other) for box in boxes_at(scoremap, threshold, multi) for other in resized)
                    for threshold in THRESHOLDS]
        golden.add(f"{name}.{kind}", np.array(overlaps, np.float32))

scores = raw_map("pixels", (32, 32), True)
mask = np.zeros((32, 32), int)
mask[8:20, 4:25] = 1
golden.add("average_precision", np.array([average_precision_score(mask.ravel(), scores.ravel())], np.float32))
golden.add("pxap", np.array([pxap(scores / scores.max(), mask)], np.float32))
masks = [box_mask((301, 187), 20, 30, 100, 90), box_mask((301, 187), 90, 10, 200, 77)]
ignored = box_mask((301, 187), 60, 70, 290, 170)
scoremap = normalize_scoremap(cv2.resize(raw_map("masks", (7, 7), False), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC))
golden.add("pxap.masks", np.array([pxap(scoremap, get_mask(masks, ignored))], np.float32))
mask = torch.zeros((20, 24), dtype=torch.uint8)
mask[3:6, 2:9] = 1
mask[17, 20] = 1
for tolerance in (4, 15):
    game = PointingGame(1, tolerance)
    golden.add(f"pointing.{tolerance}", np.array(
        [[game.evaluate(mask, (x, y)) == 1 for x in range(24)] for y in range(20)], np.float32))
golden.save()
