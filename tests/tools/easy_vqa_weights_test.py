#!/usr/bin/env python3
"""tools/easy_vqa_weights: what `backlight ask` says by its file is what the Keras network computes.

Usage: easy_vqa_weights_test.py PATH_OF_EASY_VQA_WEIGHTS PATH_OF_BACKLIGHT
"""

import json
import math
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

SCRIPT, PROGRAM = sys.argv[1:3]
WIDTHS, UNITS, WORDS, ANSWERS, SIDE = (2, 2, 3), 4, 27, 13, 64


def keras_network(folder):
    """A network of easy-VQA's layers with fewer channels, in TensorFlow.js' format; its weights by name."""
    draw = random.Random(5)
    shapes, channels = {}, 3
    for i, width in enumerate(WIDTHS, 1):
        shapes[f"conv2d_{i}/kernel"], shapes[f"conv2d_{i}/bias"] = (3, 3, channels, width), (width,)
        channels = width
    ins = {1: (SIDE // 8) ** 2 * channels, 2: WORDS, 3: UNITS, 4: UNITS, 5: UNITS, 6: UNITS}
    for i, count in ins.items():
        out = ANSWERS if i == 6 else UNITS
        shapes[f"dense_{i}/kernel"], shapes[f"dense_{i}/bias"] = (count, out), (out,)
    weights, data, entries = {}, b"", []
    for name, shape in shapes.items():
        count = math.prod(shape)
        bound = 0.1 if name.endswith("bias") else (3 / (count // shape[-1])) ** 0.5
        weights[name] = struct.unpack(f"<{count}f", struct.pack(f"<{count}f", *(
            draw.uniform(-bound, bound) for _ in range(count))))
        data += struct.pack(f"<{count}f", *weights[name])
        entries.append({"name": name, "shape": list(shape), "dtype": "float32"})
    layers = [("InputLayer", None), ("InputLayer", None), ("Flatten", None), ("Multiply", None)]
    layers += 3 * [("Conv2D", "linear"), ("MaxPooling2D", None)] + 5 * [("Dense", "tanh")] + [("Dense", "softmax")]
    config = [{"class_name": kind, "config": {"name": kind, "activation": how}} for kind, how in layers]
    model = {"modelTopology": {"model_config": {"config": {"layers": config}}},
             "weightsManifest": [{"paths": ["weights.bin"], "weights": entries}]}
    (folder / "model.json").write_text(json.dumps(model))
    (folder / "weights.bin").write_bytes(data)
    return weights


def picture(path):
    draw = random.Random(8)
    rows = [[tuple(draw.randrange(256) for _ in range(3)) for _ in range(SIDE)] for _ in range(SIDE)]

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    data = b"".join(b"\0" + bytes(sample for pixel in row for sample in pixel) for row in rows)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)) +
                     chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))
    return rows


def dense(x, weights, i):
    kernel, bias = weights[f"dense_{i}/kernel"], weights[f"dense_{i}/bias"]
    return [sum(v * kernel[k * len(bias) + j] for k, v in enumerate(x)) + bias[j] for j in range(len(bias))]


def tanh(x):
    return [math.tanh(v) for v in x]


def keras_scores(weights, rows, tokens):
    """As Keras computes: maps of height×width×channels, `same` padding, samples in −½…½."""
    x = [[[sample / 255 - 0.5 for sample in pixel] for pixel in row] for row in rows]
    for i, width in enumerate(WIDTHS, 1):
        kernel, bias, side, channels = weights[f"conv2d_{i}/kernel"], weights[f"conv2d_{i}/bias"], len(x), len(x[0][0])
        y = [[list(bias) for _ in range(side)] for _ in range(side)]
        for r in range(side):
            for c in range(side):
                for k in range(9):
                    rr, cc = r + k // 3 - 1, c + k % 3 - 1
                    if not (0 <= rr < side and 0 <= cc < side):
                        continue
                    for channel, value in enumerate(x[rr][cc]):
                        for out in range(width):
                            y[r][c][out] += value * kernel[(k * channels + channel) * width + out]
        x = [[[max(y[2 * r + a][2 * c + b][out] for a in (0, 1) for b in (0, 1)) for out in range(width)]
              for c in range(side // 2)] for r in range(side // 2)]
    image = tanh(dense([v for row in x for place in row for v in place], weights, 1))
    bag = [float(word in tokens) for word in range(WORDS)]
    question = tanh(dense(tanh(dense(tanh(dense(bag, weights, 2)), weights, 3)), weights, 4))
    return dense(tanh(dense([a * b for a, b in zip(image, question)], weights, 5)), weights, 6)


class EasyVqaWeights(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.folder = pathlib.Path(self.temporary.name)
        self.out = self.folder / "easy.safetensors"

    def convert(self):
        return subprocess.run([sys.executable, SCRIPT, self.folder / "model.json", self.out], capture_output=True,
                              text=True, check=False)

    def refused(self, why):
        result = self.convert()
        self.assertEqual(result.returncode, 1)
        self.assertIn(why, result.stderr)
        self.assertIn(str(self.folder / "model.json"), result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1)
        self.assertFalse(self.out.exists())

    def test_answers_are_those_of_the_keras_network(self):
        weights = keras_network(self.folder)
        rows = picture(self.folder / "a.png")
        self.assertEqual(self.convert().returncode, 0)
        # "the" and "shape" twice; the ids are those of the demo's word index.
        result = subprocess.run([PROGRAM, "ask", self.folder / "a.png", "Is the shape not the red shape?", "--weights",
                                 self.out, "--json", "-k", "13"], capture_output=True, text=True, check=True)
        answers = {each["index"]: each["logit"] for each in json.loads(result.stdout)["images"][0]["answers"]}
        expected = keras_scores(weights, rows, {1, 3, 2, 7, 24})
        self.assertEqual(len(answers), ANSWERS)
        for index, score in enumerate(expected):
            self.assertAlmostEqual(answers[index], score, delta=1e-5)
        names = {each["index"]: each["name"] for each in json.loads(result.stdout)["images"][0]["answers"]}
        self.assertEqual((names[0], names[7], names[12]), ("green", "yes", "teal"))

    def test_what_is_no_such_network_is_refused_in_a_line(self):
        (self.folder / "model.json").write_text("[]")
        self.refused("is no TensorFlow.js layers model")
        keras_network(self.folder)
        whole = json.loads((self.folder / "model.json").read_text())

        def changed(change):
            model = json.loads(json.dumps(whole))
            change(model)
            (self.folder / "model.json").write_text(json.dumps(model))

        layers = lambda model: model["modelTopology"]["model_config"]["config"]["layers"]
        changed(lambda model: layers(model).pop())
        self.refused("expected easy-VQA's")
        changed(lambda model: layers(model)[4]["config"].update(activation="relu"))
        self.refused("ends in relu")
        changed(lambda model: model["weightsManifest"][0]["weights"][0].update(dtype="float16"))
        self.refused("not of plain float32")
        changed(lambda model: model["weightsManifest"][0]["weights"].pop())
        self.refused("its weights take")
        changed(lambda model: model["weightsManifest"][0]["weights"][0].update(name="conv2d_9/kernel"))
        self.refused("conv2d_1/kernel")
        changed(lambda model: model["weightsManifest"][0].update(paths=["none.bin"]))
        self.refused("none.bin")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
