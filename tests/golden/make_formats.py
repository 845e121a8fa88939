"""BMP, GIF, WebP and TIFF: what Pillow makes of them. PNG and JPEG are in make_image.py.

Writes formats.safetensors, and the files into images/.
"""

import io
import struct
import zlib

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


def add_bytes(name, data, expected=None):
    """The same of a file that Pillow does not write."""
    (FILES / name).write_bytes(data)
    if expected is None:
        expected = np.asarray(Image.open(FILES / name).convert("RGB"))
    golden.add(f"file.{name}", expected)


def bmp16(pixels, header_bytes, masks):
    """A BMP of 16 bits a pixel, without masks where these are empty."""
    height, width = pixels.shape
    rows = np.pad(pixels, ((0, 0), (0, width % 2)))[::-1].astype("<u2").tobytes()
    masks = struct.pack(f"<{len(masks)}I", *masks)
    info = struct.pack("<IiiHHIIiiII", header_bytes, width, height, 1, 16, 3 if masks else 0, len(rows), 0, 0, 0, 0)
    head = (info + masks).ljust(header_bytes, b"\0")
    return struct.pack("<2sIHHI", b"BM", 14 + len(head) + len(rows), 0, 0, 14 + len(head)) + head + rows


def tiff(width, height, tags, blocks):
    """A TIFF of 8-byte values; `tags` holds those that are not below, `blocks` strips or tiles."""
    offsets = [8 + sum(map(len, blocks[:i])) for i in range(len(blocks))]
    where, sizes = (324, 325) if 322 in tags else (273, 279)
    tags = {256: [width], 257: [height], 259: [1], where: offsets, sizes: [len(b) for b in blocks], **tags}
    data = struct.pack("<2sHI", b"II", 42, 8 + sum(map(len, blocks))) + b"".join(blocks)
    directory = len(data)
    beyond = directory + 2 + 12 * len(tags) + 4
    entries, rest = b"", b""
    for tag in sorted(tags):
        values = struct.pack(f"<{len(tags[tag])}I", *tags[tag])
        inline = len(values) <= 4
        entries += struct.pack("<HHI", tag, 4, len(tags[tag]))
        entries += values if inline else struct.pack("<I", beyond + len(rest))
        rest += b"" if inline else values
    return data + struct.pack("<H", len(tags)) + entries + bytes(4) + rest


def part_of_gif(canvas, left, top, data):
    """A GIF with its frame moved into a larger canvas."""
    data = bytearray(data)
    data[6:10] = struct.pack("<HH", *canvas)
    frame = data.index(b"\x2C\0\0\0\0", 13 + (3 << ((data[10] & 7) + 1)))
    data[frame + 1 : frame + 5] = struct.pack("<HH", left, top)
    return bytes(data)


def part_of_webp(canvas, left, top, still):
    """An animation of one frame, which is a still WebP, in a larger canvas."""

    def chunk(name, body):
        return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)

    def three(*values):
        return b"".join(struct.pack("<I", v)[:3] for v in values)

    width, height = Image.open(io.BytesIO(still)).size
    frame = three(left // 2, top // 2, width - 1, height - 1, 100) + b"\0" + still[12:]
    body = chunk(b"VP8X", b"\2\0\0\0" + three(canvas[0] - 1, canvas[1] - 1)) + chunk(b"ANIM", bytes(6))
    body = b"WEBP" + body + chunk(b"ANMF", frame)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


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
deep = np.floor(fill("file.bmp16", (9, 13), 0, 2**16)).astype(np.uint16)
add_bytes("rgb555.bmp", bmp16(deep & 0x7FFF, 40, []))
add_bytes("rgb565.bmp", bmp16(deep, 40, [0xF800, 0x07E0, 0x1F]))
add_bytes("rgb565_v3.bmp", bmp16(deep, 56, [0xF800, 0x07E0, 0x1F, 0]))
# A palette that is shorter than the indices go.
short = bytearray(saved(small.quantize(7), "BMP"))
short[-16] = 200
add_bytes("short_palette.bmp", bytes(short))
short = saved(small.quantize(7), "PNG", bits=8)
at = short.index(b"PLTE") - 4
palette = b"PLTE" + short[at + 8 : at + 17]
palette = struct.pack(">I", 9) + palette + struct.pack(">I", zlib.crc32(palette))
end = at + 12 + int.from_bytes(short[at : at + 4], "big")
add_bytes("short_palette.png", short[:at] + palette + short[end:])
add("grey.gif", small.convert("L"))
add("palette.gif", middle.quantize(50))
add("interlaced.gif", middle.quantize(50), interlace=1)
add("transparent.gif", small.quantize(7), transparency=2)
frames = [Image.fromarray(np.roll(scene(9, 13), 3 * i, 1)).quantize(7) for i in range(3)]
add("animated.gif", frames[0], save_all=True, append_images=frames[1:], duration=100)
add_bytes("part.gif", part_of_gif((17, 12), 3, 2, saved(small.quantize(7), "GIF")))
add_bytes("part_transparent.gif", part_of_gif((17, 12), 4, 3, saved(small.quantize(7), "GIF", transparency=2)))
add("animated.png", small, save_all=True, append_images=[middle.resize(small.size)])
add("lossy.webp", middle, quality=90)
add("lossless.webp", small, lossless=True)
add("alpha.webp", rgba, lossless=True, exact=True)
add("turned.webp", small, lossless=True, exif=turned.tobytes())
add("animated.webp", small, save_all=True, append_images=[middle.resize(small.size)], lossless=True, duration=100)
add_bytes("part.webp", part_of_webp((17, 12), 2, 2, saved(small, "WEBP", lossless=True)))
Image.new("RGB", (4000, 3000), (90, 60, 30)).save(FILES / "large.webp", lossless=True)
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
rgb = {258: [8, 8, 8], 262: [2], 277: [3]}
padded = np.pad(scene(21, 35), ((0, 11), (0, 13), (0, 0)))
tiles = [padded[y : y + 16, x : x + 16].tobytes() for y in (0, 16) for x in (0, 16, 32)]
add_bytes("tiled.tif", tiff(35, 21, {**rgb, 322: [16], 323: [16]}, tiles))
lab = {258: [8, 8, 8], 262: [8], 277: [3], 278: [9]}
(FILES / "lab.tif").write_bytes(tiff(13, 9, lab, [scene(9, 13).tobytes()]))
# 12 of 16 bits, beside an alpha of all 16, which Pillow does not read.
deep = np.floor(fill("file.alpha16", (9, 13, 4), 0, 2**12)).astype(np.uint16)
deep[..., 3] = 0xFFFF
rgba16 = {258: [16] * 4, 262: [2], 277: [4], 278: [9], 338: [2]}
add_bytes("alpha16.tif", tiff(13, 9, rgba16, [deep.astype("<u2").tobytes()]), (deep[..., :3] + 128) // 257)
(FILES / "signed16.tif").write_bytes(
    tiff(13, 9, {258: [16], 262: [1], 277: [1], 278: [9], 339: [2]}, [deep[..., 0].astype("<u2").tobytes()])
)
# Pillow clips 16-bit grey at 255 instead of scaling it; the upper byte is what the others take.
for bits in (16, 12):
    deep = np.floor(fill(f"file.deep{bits}", (9, 13), 0, 2**bits)).astype(np.uint16)
    upper = np.repeat((deep >> 8).astype(np.uint8)[..., None], 3, -1)
    add(f"grey{bits}.tif", Image.fromarray(deep), expected=upper)
    if bits == 12:
        add("grey12.png", Image.fromarray(deep), expected=upper)
# Colours at half the height of the pixels, for what is said of damage.
detailed = scene(200, 64) // 2 + np.floor(fill("file.detail", (200, 64, 3), 0, 128)).astype(np.uint8)
for name in ("subsampled", "subsampled_progressive"):
    Image.fromarray(detailed).save(FILES / f"{name}.jpg", quality=30, subsampling=2, progressive="_" in name)
golden.save()
