"""Pictures: what Pillow, torchvision, OpenCV, matplotlib, pytorch-grad-cam, torch-cam, captum and SciPy make of them.

Writes image.safetensors, and the odd picture files that the decoder is tested with into images/.
"""

import io
import struct
import zlib

import captum.attr._utils.visualization as captum_visualization
import cv2
import matplotlib
import numpy as np
import torch
import torch.nn.functional as F
import torchvision.transforms as T
from common import HERE, Golden, fill
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from PIL import Image, ImageOps
from pytorch_grad_cam.utils.image import deprocess_image, scale_cam_image, show_cam_on_image
from scipy import ndimage
from torchcam.utils import overlay_mask
from torchvision.transforms.functional import to_pil_image

matplotlib.use("Agg")
FILES = HERE / "images"
PHOTOGRAPHS = HERE.parent / "images"
golden = Golden("image")


def picture(name, height, width, channels=3):
    """Noise of 8 bits; picture() in tests/image/pictures.hpp gives the same."""
    return np.floor(fill(name, (height, width, channels), 0, 256)).astype(np.uint8)


def scene(height, width):
    """Smooth and without symmetry, so that JPEG keeps it and every turn of it differs."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    rgb = np.stack([230 * x + 20, 200 * y + 30 * x, 255 - 180 * x * y - 60 * y], -1)
    return np.clip(rgb, 0, 255).astype(np.uint8)


def checksum(array):
    """CRC-32 in two halves that float32 holds."""
    crc = zlib.crc32(np.ascontiguousarray(array, dtype=np.uint8).tobytes())
    return np.array([crc >> 16, crc & 0xFFFF])


# ---- Files -----------------------------------------------------------------------------------------------


def add_file(name, data, expected=None):
    """Stores the file and what Pillow's convert("RGB") makes of it, turned upright."""
    (FILES / name).write_bytes(data)
    if expected is None:
        expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    golden.add(f"file.{name}", expected)


def encoded(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def png_chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def interlaced_png(rgb):
    rows = b""
    for x, y, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)):
        part = rgb[y::dy, x::dx]
        if part.size:
            rows += b"".join(b"\0" + row.tobytes() for row in part)
    header = struct.pack(">IIBBBBB", rgb.shape[1], rgb.shape[0], 8, 2, 0, 0, 1)
    return (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(rows))
            + png_chunk(b"IEND", b""))


def without_adobe_marker(jpeg):
    at = jpeg.index(b"\xff\xee")
    return jpeg[:at] + jpeg[at + 2 + struct.unpack(">H", jpeg[at + 2 : at + 4])[0] :]


def make_files():
    FILES.mkdir(exist_ok=True)
    small = Image.fromarray(scene(9, 13))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        exif.endian = "<" if orientation % 2 else ">"
        # Pillow's exif_transpose knows the tag of the file only, so the bytes go through it.
        add_file(f"orientation_{orientation}.png", encoded(small, "PNG", exif=exif.tobytes()))
        add_file(f"orientation_{orientation}.jpg", encoded(small, "JPEG", exif=exif.tobytes(), quality=95, subsampling=0))

    add_file("grey.png", encoded(small.convert("L"), "PNG"))
    add_file("bit1.png", encoded(small.convert("1"), "PNG"))
    add_file("palette.png", encoded(small.quantize(7), "PNG"))
    add_file("palette_transparent.png", encoded(small.quantize(7), "PNG", transparency=2))
    alpha = Image.fromarray(picture("file.alpha", 9, 13, 1)[..., 0])
    rgba = small.copy()
    rgba.putalpha(alpha)
    add_file("rgba.png", encoded(rgba, "PNG"))
    grey_alpha = small.convert("L")
    grey_alpha.putalpha(alpha)
    add_file("grey_alpha.png", encoded(grey_alpha, "PNG"))
    add_file("one.png", encoded(small.crop((5, 5, 6, 6)), "PNG"))
    add_file("interlaced.png", interlaced_png(scene(9, 13)))
    deep = np.floor(fill("file.deep", (9, 13, 3), 0, 65536)).astype(np.uint16)
    add_file("rgb16.png", cv2.imencode(".png", deep[..., ::-1])[1].tobytes())
    # Pillow clips 16-bit grey at 255 instead of scaling it; the upper byte is what the others take.
    add_file("grey16.png", cv2.imencode(".png", deep[..., 0])[1].tobytes(),
             np.repeat((deep[..., :1] >> 8).astype(np.uint8), 3, -1))

    middle = Image.fromarray(scene(21, 35))
    add_file("plain.jpg", encoded(middle, "JPEG", quality=90))
    add_file("progressive.jpg", encoded(middle, "JPEG", quality=90, progressive=True))
    add_file("restart.jpg", encoded(middle, "JPEG", quality=90, restart_marker_blocks=1))
    add_file("grey.jpg", encoded(middle.convert("L"), "JPEG", quality=90))
    add_file("rgb.jpg", encoded(middle, "JPEG", quality=90, keep_rgb=True))
    add_file("one.jpg", encoded(small.crop((5, 5, 6, 6)), "JPEG", quality=90))
    cmyk = encoded(middle.convert("CMYK"), "JPEG", quality=90)
    add_file("cmyk.jpg", cmyk)
    add_file("cmyk_without_adobe.jpg", without_adobe_marker(cmyk))
    transform = cmyk.index(b"Adobe") + 11
    add_file("ycck.jpg", cmyk[:transform] + b"\x02" + cmyk[transform + 1 :])


# ---- Sizes -----------------------------------------------------------------------------------------------

FILTERS = {name: Image.Resampling[name.upper()] for name in ("bilinear", "bicubic", "lanczos")}


def make_resize():
    for width, height, to_width, to_height in ((5, 7, 13, 3), (13, 127, 31, 17), (127, 13, 1, 1), (1, 1, 5, 4),
                                               (1, 500, 7, 3), (640, 480, 224, 224), (100, 75, 341, 256), (64, 48, 64, 20),
                                               (20, 90, 10, 69), (20, 90, 10, 70)):
        source = Image.fromarray(picture(f"resize.{width}x{height}", height, width))
        for filter_name, resample in FILTERS.items():
            result = np.asarray(source.resize((to_width, to_height), resample))
            case = f"resize.{width}x{height}.{to_width}x{to_height}.{filter_name}"
            golden.add(f"{case}.crc", checksum(result))
            if result.size < 3000:
                golden.add(case, result)


def make_preprocess():
    imagenet = T.Compose([T.ToTensor(), T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])

    def add(case, image, size, resize, interpolation=T.InterpolationMode.BILINEAR):
        seen = T.Compose([T.Resize(resize, interpolation), T.CenterCrop(size)])(image)
        golden.add(f"{case}.crc", checksum(np.asarray(seen)))
        golden.add(f"{case}.x", imagenet(seen)[:, 3::32, 5::32])

    for width, height, size, resize in ((300, 200, 224, 256), (200, 301, 225, 256), (99, 50, 227, 256), (40, 33, 32, 32),
                                        (50, 70, 48, 31), (1, 5000, 224, 256), (700, 3, 17, 20), (300, 700, 224, 256)):
        image = Image.fromarray(picture(f"preprocess.{width}x{height}", height, width))
        add(f"preprocess.{width}x{height}.{size}.{resize}", image, size, resize)
    for name in ("chelsea", "coffee", "astronaut", "cat_and_espresso"):
        image = Image.open(PHOTOGRAPHS / f"{name}.png").convert("RGB")
        add(f"preprocess.{name}", image, 224, 256)
        add(f"preprocess.{name}.bicubic", image, 224, 256, T.InterpolationMode.BICUBIC)
        golden.add(f"stretch.{name}.crc", checksum(np.asarray(image.resize((224, 224), Image.Resampling.BILINEAR))))


def make_upsample():
    for height, width, to_height, to_width in ((7, 7, 23, 31), (14, 14, 9, 5), (1, 1, 3, 2), (2, 5, 13, 40), (7, 7, 7, 7)):
        coarse = fill(f"upsample.{height}x{width}", (height, width))
        case = f"upsample.{height}x{width}.{to_height}x{to_width}"
        golden.add(f"{case}.bilinear", cv2.resize(coarse, (to_width, to_height)))
        tensor = torch.from_numpy(coarse)[None, None]
        golden.add(f"{case}.nearest", F.interpolate(tensor, (to_height, to_width), mode="nearest")[0, 0])
        golden.add(f"{case}.bilinear-align-corners",
                   F.interpolate(tensor, (to_height, to_width), mode="bilinear", align_corners=True)[0, 0])
        golden.add(f"{case}.bicubic", np.asarray(Image.fromarray(coarse).resize((to_width, to_height), Image.Resampling.BICUBIC)))


# ---- Colours ---------------------------------------------------------------------------------------------


def captum_figure(draw, height, width):
    """The pixels of a captum figure whose one axis covers it, one pixel per element."""
    figure = Figure(figsize=(width / 100, height / 100), dpi=100)
    axis = figure.add_axes((0, 0, 1, 1))
    draw((figure, axis))
    axis.axis("off")
    canvas = matplotlib.backends.backend_agg.FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def make_colours():
    levels = np.arange(256, dtype=np.uint8)
    golden.add("colour.opencv-jet", cv2.applyColorMap(levels[None], cv2.COLORMAP_JET)[0, :, ::-1])
    golden.add("colour.matplotlib-jet", matplotlib.colormaps["jet"](levels, bytes=True)[:, :3])
    diverging = LinearSegmentedColormap.from_list("RdWhGn", ["red", "white", "green"])
    golden.add("colour.red-white-green", diverging(levels, bytes=True)[:, :3])

    image = picture("overlay.image", 31, 41)
    heat = fill("overlay.map", (31, 41), 0, 1)
    golden.add("overlay.pytorch-grad-cam", show_cam_on_image(np.float32(image) / 255, heat, use_rgb=True))
    coarse = fill("overlay.coarse", (7, 7), 0, 1)
    mask = to_pil_image(coarse, mode="F")
    golden.add("overlay.torch-cam", np.asarray(overlay_mask(Image.fromarray(image), mask)))
    signed = fill("overlay.signed", (31, 41)) ** 3
    golden.add("overlay.captum", captum_figure(
        lambda axis: captum_visualization.visualize_image_attr(
            signed[..., None], image, "blended_heat_map", "all", axis, use_pyplot=False), 31, 41))

    # pytorch-grad-cam from the coarse map to the picture of a photograph at its own size.
    photograph = np.asarray(Image.open(PHOTOGRAPHS / "chelsea.png").convert("RGB"))
    cam = scale_cam_image(scale_cam_image([fill("overlay.photograph", (7, 7), 0, 1)], photograph.shape[1::-1]))[0]
    golden.add("overlay.photograph", show_cam_on_image(np.float32(photograph) / 255, cam, use_rgb=True)[5::20, 3::20])

    gradient = fill("saliency", (3, 17, 19)) ** 3
    pixels = gradient.transpose(1, 2, 0)
    golden.add("saliency.deprocess", deprocess_image(pixels))
    golden.add("saliency.captum", captum_figure(
        lambda axis: captum_visualization.visualize_image_attr(pixels, None, "heat_map", "all", axis, use_pyplot=False),
        17, 19))
    golden.add("saliency.captum-normalised", captum_visualization._normalize_attr(pixels.sum(-1), "all"))


def make_segments():
    for height, width, fraction in ((20, 30, 0.5), (20, 30, 0.6), (20, 30, 0.75), (9, 9, 0.15), (1, 40, 0.7)):
        heat = fill(f"segment.{height}x{width}", (height, width))
        labels, _ = ndimage.label(heat >= fraction * float(heat.max()), structure=np.ones((3, 3)))
        sizes = np.bincount(labels.ravel())[1:]
        rows, columns = ndimage.find_objects(np.int32(labels == sizes.argmax() + 1))[0]
        golden.add(f"segment.{height}x{width}.{fraction}",
                   [sizes.max(), columns.start, rows.start, columns.stop, rows.stop])


make_files()
make_resize()
make_preprocess()
make_upsample()
make_colours()
make_segments()
golden.save()
