#!/usr/bin/env python3
"""What libbacklight.so gives to Python's ctypes is what the program writes, to the bit.
Usage: ctypes_test.py LIBRARY WEIGHTS PROGRAM
"""

import ast
import ctypes
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import threading
import unittest
import zlib
from ctypes import POINTER, byref, c_char_p, c_double, c_float, c_int32, c_int64, c_size_t, c_ssize_t, c_void_p

LIBRARY, WEIGHTS, PROGRAM = sys.argv[1:4]
OK, USAGE, BAD_INPUT = 0, 2, 3
BGR, RGB = 1, 0


class Image(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("pixels", c_void_p), ("width", c_int32), ("height", c_int32),
                ("stride", c_ssize_t), ("format", c_int32)]


class ModelInfo(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("architecture", c_char_p), ("default_layer", c_char_p),
                ("weights_sha256", c_char_p), ("assumptions", c_char_p), ("classes", c_int64), ("input_size", c_int32),
                ("input_channels", c_int32)]


class Question(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("method", c_char_p), ("layer", c_char_p), ("preset", c_char_p),
                ("class_index", POINTER(c_int64)), ("counterfactual", c_int32)]


class Info(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("method", c_char_p), ("layer", c_char_p), ("class_index", c_int64),
                ("probability", c_double), ("score", c_float), ("map_channels", c_int32), ("map_height", c_int32),
                ("map_width", c_int32), ("picture_width", c_int32), ("picture_height", c_int32),
                ("positive_evidence", c_int32), ("has_box", c_int32), ("box", c_double * 4)]


bl = ctypes.CDLL(LIBRARY)
bl.bl_last_error.restype = bl.bl_version.restype = bl.bl_model_class_name.restype = c_char_p
bl.bl_model_open.argtypes = [c_char_p, c_void_p, POINTER(c_void_p)]
bl.bl_model_open_memory.argtypes = [c_char_p, c_size_t, c_char_p, c_void_p, POINTER(c_void_p)]
bl.bl_model_get_info.argtypes = [c_void_p, POINTER(ModelInfo)]
bl.bl_model_class_name.argtypes = [c_void_p, c_int64]
bl.bl_classify.argtypes = [c_void_p, POINTER(Image), c_int32, c_size_t, POINTER(c_int64), POINTER(c_float),
                           POINTER(c_double)]
bl.bl_explain.argtypes = [c_void_p, POINTER(Image), c_int32, POINTER(Question), c_size_t, POINTER(c_void_p)]
bl.bl_explanation_get_info.argtypes = [c_void_p, POINTER(Info)]
bl.bl_explanation_map.argtypes = [c_void_p, POINTER(c_float), c_size_t]
bl.bl_explanation_overlay.argtypes = [c_void_p, c_int32, c_char_p, c_size_t, c_size_t]
bl.bl_model_free.argtypes = bl.bl_explanation_free.argtypes = [c_void_p]
bl.bl_model_free.restype = bl.bl_explanation_free.restype = None


def call(function, *arguments):
    status = function(*arguments)
    if status != OK:
        raise RuntimeError(f"{status}: {bl.bl_last_error().decode()}")


def sized(struct_type, **values):
    return struct_type(struct_size=ctypes.sizeof(struct_type), **values)


def bitmap(width, height):
    """A BMP file and its pixels: B G R, rows from the bottom, each filled up to four bytes."""
    gap = bytes(-width * 3 % 4)
    rows = []
    for y in range(height):
        row = bytearray()
        for x in range(width):
            disc = (x - width // 3) ** 2 + (y - height // 2) ** 2 < (height // 4) ** 2
            row += bytes((200, 40 + x % 90, 30) if disc else (y * 7 % 256, x * 5 % 256, (x ^ y) % 256))
        rows.append(bytes(row) + gap)
    pixels = b"".join(rows)
    header = struct.pack("<2sIHHI", b"BM", 54 + len(pixels), 0, 0, 54)
    header += struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(pixels), 2835, 2835, 0, 0)
    return header + pixels, pixels, len(rows[0])


def png_pixels(data):
    """Width, height and bytes of an RGB picture of 8 bits."""
    width, height, depth, color, *_, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    assert (depth, color, interlaced) == (8, 2, 0)
    packed, at = b"", 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        packed += data[at + 8:at + 8 + size] if kind == b"IDAT" else b""
        at += 12 + size
    filtered, stride, out = zlib.decompress(packed), width * 3, bytearray()
    above = bytearray(stride)
    for y in range(height):
        kind, *row = filtered[y * (stride + 1):(y + 1) * (stride + 1)]
        for i in range(stride):
            left, up, corner = (row[i - 3] if i >= 3 else 0), above[i], (above[i - 3] if i >= 3 else 0)
            paeth = min((left, up, corner), key=lambda each: abs(left + up - corner - each))
            row[i] = (row[i] + (0, left, up, (left + up) // 2, paeth)[kind]) & 255
        above = row
        out += bytes(row)
    return width, height, bytes(out)


def npy_values(data):
    """Shape and bytes of an array of float32."""
    size, = struct.unpack("<H", data[8:10])
    header = ast.literal_eval(data[10:10 + size].decode())
    assert header["descr"] == "<f4" and not header["fortran_order"]
    return header["shape"], data[10 + size:]


class Interface(unittest.TestCase):
    WIDTH, HEIGHT = 150, 110

    def setUp(self):
        self.file, self.pixels, stride = bitmap(self.WIDTH, self.HEIGHT)
        self.buffer = ctypes.create_string_buffer(self.pixels, len(self.pixels))
        top = ctypes.addressof(self.buffer) + (self.HEIGHT - 1) * stride
        self.image = sized(Image, pixels=top, width=self.WIDTH, height=self.HEIGHT, stride=-stride, format=BGR)
        self.model = c_void_p()
        call(bl.bl_model_open, WEIGHTS.encode(), None, byref(self.model))

    def tearDown(self):
        bl.bl_model_free(self.model)

    def explain(self, *methods, model=None):
        questions = (Question * len(methods))(*(sized(Question, method=method.encode()) for method in methods))
        out = (c_void_p * len(methods))()
        call(bl.bl_explain, model or self.model, byref(self.image), 0, questions, len(methods), out)
        answers = []
        for handle in out:
            info = sized(Info)
            call(bl.bl_explanation_get_info, handle, byref(info))
            count = info.map_channels * info.map_height * info.map_width
            values = (c_float * count)()
            call(bl.bl_explanation_map, handle, values, count)
            overlay = ctypes.create_string_buffer(info.picture_width * info.picture_height * 3)
            call(bl.bl_explanation_overlay, handle, RGB, overlay, 0, len(overlay))
            copy = {name: getattr(info, name) for name, _ in Info._fields_}
            answers.append((copy, bytes(values), overlay.raw))
            bl.bl_explanation_free(handle)
        return answers

    def test_the_program_writes_the_same(self):
        methods = ("grad-cam", "cam", "guided-grad-cam", "gradient")
        with tempfile.TemporaryDirectory() as work:
            folder = pathlib.Path(work)
            (folder / "picture.bmp").write_bytes(self.file)
            run = subprocess.run([PROGRAM, "explain", folder / "picture.bmp", "--weights", WEIGHTS, "--device", "cpu",
                                  "--method", ",".join(methods), "--format", "overlay,npy", "--box", "--json", "--out",
                                  folder / "out"], capture_output=True, text=True)
            self.assertEqual(run.returncode, 0, run.stderr)
            image, = json.loads(run.stdout)["images"]
            files = [{kind: pathlib.Path(path).read_bytes() for kind, path in result["files"].items()}
                     for result in image["results"]]

        count = 5
        classes, scores, probabilities = (c_int64 * count)(), (c_float * count)(), (c_double * count)()
        call(bl.bl_classify, self.model, byref(self.image), 0, count, classes, scores, probabilities)
        self.assertEqual(list(classes), [each["index"] for each in image["predictions"]])
        self.assertEqual(list(probabilities), [each["probability"] for each in image["predictions"]])
        self.assertEqual(list(scores), [c_float(each["logit"]).value for each in image["predictions"]])
        names = [bl.bl_model_class_name(self.model, index).decode() for index in classes]
        self.assertEqual(names, [each["name"] for each in image["predictions"]])

        answers = self.explain(*methods)
        self.assertEqual(len(image["results"]), len(answers))
        for result, files_of, (info, values, overlay) in zip(image["results"], files, answers):
            with self.subTest(result["method"]):
                self.assertEqual(info["method"].decode(), result["method"])
                self.assertEqual(info["class_index"], result["class"]["index"])
                self.assertEqual(info["probability"], result["probability"])
                self.assertEqual(info["layer"].decode() if info["layer"] else None, result["layer"])
                shape, expected = npy_values(files_of["npy"])
                channels = shape[0] if len(shape) == 3 else 1
                self.assertEqual((info["map_channels"], info["map_height"], info["map_width"]), (channels, *shape[-2:]))
                self.assertTrue(any(values))
                self.assertEqual(values, expected)
                box = result["box"]
                self.assertEqual(info["has_box"], box is not None)
                if box:
                    self.assertEqual(list(info["box"]), [box[edge] for edge in ("x0", "y0", "x1", "y1")])
                    continue  # the program draws it
                self.assertEqual(png_pixels(files_of["overlay"]), (self.WIDTH, self.HEIGHT, overlay))

    def test_memory_and_threads(self):
        content, model = pathlib.Path(WEIGHTS).read_bytes(), c_void_p()
        call(bl.bl_model_open_memory, content, len(content), b"memory", None, byref(model))
        del content
        expected = self.explain("grad-cam")[0][1]
        found = [None] * 3

        def explain(i):
            found[i] = self.explain("grad-cam", model=model)[0][1]

        threads = [threading.Thread(target=explain, args=(i,)) for i in range(len(found))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        bl.bl_model_free(model)
        self.assertEqual(found, [expected] * len(found))

    def test_errors(self):
        model = c_void_p()
        self.assertEqual(bl.bl_model_open(b"/no/such/file", None, byref(model)), BAD_INPUT)
        self.assertIn("/no/such/file", bl.bl_last_error().decode())
        self.assertIsNone(model.value)
        with self.assertRaisesRegex(RuntimeError, "2: unknown method 'grad-camera'.*grad-cam"):
            self.explain("grad-camera")
        info = sized(ModelInfo)
        call(bl.bl_model_get_info, self.model, byref(info))
        self.assertEqual((info.architecture, info.classes), (b"backlight_scenes", 10))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
