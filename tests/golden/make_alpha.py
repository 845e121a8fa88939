"""Alpha: what Pillow makes of that of picture files and of its resize and crop, each channel by itself.

Writes alpha.safetensors, and into images/ the files that other generators have no use for.
"""

import io
import struct
import zlib

import numpy as np
from common import HERE, Golden, fill
from PIL import Image, ImageOps

FILES = HERE / "images"
golden = Golden("alpha")


def picture(name, height, width, channels):
    """Noise of 8 bits; picture() in tests/image/pictures.hpp gives the same."""
    return np.floor(fill(name, (height, width, channels), 0, 256)).astype(np.uint8)


def deep_png(samples):
    """A PNG of 16 bits of red, green, blue and alpha."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    header = struct.pack(">IIBBBBB", samples.shape[1], samples.shape[0], 16, 6, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))



def part_of_webp(canvas_width, canvas_height, left, top, image):
    """An animation of one frame within a larger canvas, with alpha."""
    out = io.BytesIO()
    image.save(out, "WEBP", lossless=True, exact=True)

    def chunk(name, body):
        return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)

    def three(*values):
        return b"".join(struct.pack("<I", v)[:3] for v in values)

    frame = three(left // 2, top // 2, image.width - 1, image.height - 1, 100) + b"\0" + out.getvalue()[12:]
    body = chunk(b"VP8X", b"\x12\0\0\0" + three(canvas_width - 1, canvas_height - 1))
    body = b"WEBP" + body + chunk(b"ANIM", bytes(6)) + chunk(b"ANMF", frame)
    return b"RIFF" + struct.pack("<I", len(body)) + body


rgba = Image.fromarray(picture("alpha.file", 9, 13, 4))
turned = Image.Exif()
turned[0x0112] = 6
rgba.save(FILES / "turned_rgba.png", exif=turned)
rgba.save(FILES / "rgba.tif")
deep = np.floor(fill("alpha.deep", (9, 13, 4), 0, 65536)).astype(np.uint16)
(FILES / "rgba16.png").write_bytes(deep_png(deep))
(FILES / "part_rgba.webp").write_bytes(part_of_webp(17, 12, 4, 2, rgba))

for name in ("rgba.png", "rgba16.png", "grey_alpha.png", "palette_transparent.png", "turned_rgba.png", "rgb16.png",
             "palette.gif", "transparent.gif", "part.gif", "part_transparent.gif", "alpha.webp", "part.webp",
             "part_rgba.webp", "lossless.webp", "rgba.tif", "rgb.tif"):
    upright = ImageOps.exif_transpose(Image.open(FILES / name))
    golden.add(f"file.{name}", np.asarray(upright.convert("RGBA")))

# Short side to `resize`, the centre of `size`; where the picture is smaller, zeros around it.
for width, height, size, resize in ((30, 20, 11, 13), (19, 64, 9, 9), (90, 31, 12, 17), (40, 33, 14, 7), (1, 7, 5, 6)):
    planes = picture(f"alpha.{width}x{height}", height, width, 4)
    short = min(width, height)
    w, h = resize * width // short, resize * height // short
    resized = np.stack(
        [np.asarray(Image.fromarray(planes[..., c]).resize((w, h), Image.Resampling.BILINEAR)) for c in range(4)], -1)
    below, right = max(0, size - h), max(0, size - w)
    resized = np.pad(resized, ((below // 2, below - below // 2), (right // 2, right - right // 2), (0, 0)))
    top, left = round((resized.shape[0] - size) / 2), round((resized.shape[1] - size) / 2)
    golden.add(f"crop.{width}x{height}", resized[top : top + size, left : left + size])
golden.save()
