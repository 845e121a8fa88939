"""BMP, GIF, WebP and TIFF: what Pillow makes of them. PNG and JPEG are in make_image.py.

Writes formats.safetensors, and the files into images/.
"""

import io

import numpy as np
from common import HERE, Golden, fill
from PIL import Image, ImageOps

FILES = HERE / "images"
golden = Golden("formats")


def scene(height, width):
    """Smooth and without symmetry."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    rgb = np.stack([230 * x + 20, 200 * y + 30 * x, 255 - 180 * x * y - 60 * y], -1)
    return np.clip(rgb, 0, 255).astype(np.uint8)


def add(name, image, expected=None, **options):
    """Stores the file, and what convert("RGB") makes of it, turned upright."""
    path = FILES / name
    image.save(path, **options)
    if expected is None:
        expected = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
    golden.add(f"file.{name}", expected)


small = Image.fromarray(scene(9, 13))
middle = Image.fromarray(scene(21, 35))
alpha = Image.fromarray(np.floor(fill("file.alpha", (9, 13), 0, 256)).astype(np.uint8))
rgba = small.copy()
rgba.putalpha(alpha)
turned = Image.Exif()
turned[0x0112] = 6

add("rgb.bmp", small)
add("palette.bmp", small.quantize(7))
add("rgba.bmp", rgba)
add("grey.gif", small.convert("L"))
add("palette.gif", middle.quantize(50))
add("interlaced.gif", middle.quantize(50), interlace=1)
add("transparent.gif", small.quantize(7), transparency=2)
frames = [Image.fromarray(np.roll(scene(9, 13), 3 * i, 1)).quantize(7) for i in range(3)]
add("animated.gif", frames[0], save_all=True, append_images=frames[1:], duration=100)
add("lossy.webp", middle, quality=90)
add("lossless.webp", small, lossless=True)
add("alpha.webp", rgba, lossless=True, exact=True)
add("turned.webp", small, lossless=True, exif=turned.tobytes())
add("animated.webp", small, save_all=True, append_images=[middle.resize(small.size)], lossless=True, duration=100)
add("rgb.tif", small)
add("lzw.tif", middle, compression="tiff_lzw")
add("deflate.tif", middle, compression="tiff_adobe_deflate")
add("jpeg.tif", middle, compression="jpeg", quality=95)
add("grey.tif", small.convert("L"))
add("bit1.tif", small.convert("1"), compression="group4")
add("palette.tif", small.quantize(7))
add("cmyk.tif", small.convert("CMYK"))
for orientation in (3, 6, 8):
    exif = Image.Exif()
    exif[0x0112] = orientation
    add(f"orientation_{orientation}.tif", small, exif=exif)
add("pages.tif", small, save_all=True, append_images=[middle])
# Pillow clips 16-bit grey at 255 instead of scaling it; the upper byte is what the others take.
for bits in (16, 12):
    deep = np.floor(fill(f"file.deep{bits}", (9, 13), 0, 2**bits)).astype(np.uint16)
    upper = np.repeat((deep >> 8).astype(np.uint8)[..., None], 3, -1)
    add(f"grey{bits}.tif", Image.fromarray(deep), expected=upper)
    if bits == 12:
        add("grey12.png", Image.fromarray(deep), expected=upper)
golden.save()
