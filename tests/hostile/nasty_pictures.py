"""Picture files that break readers: cut off, lying, enormous, sideways, of strange modes, or no picture at all."""

# ruff: noqa: E501  (the corpus reads as a table)

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from expectations import BLUE, GREEN, RED, WHITE, Nasty, Used, good_picture, json_table, quarters, seen_quarters
from PIL import Image, features

from engine.pairs import images

TOO_LARGE = f"The image has more than {images.MAX_PIXELS / 1e6:.3g} million pixels."
SIZE = (40, 20)


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *more: tuple[bytes, bytes]) -> bytes:
    """A PNG chunk by chunk, true or lying. `more` stands before the picture's data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = [(b"IHDR", header), *more, (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in chunks)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """The bytes of an image file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def plain(colour: tuple[int, int, int]) -> Used:
    """A picture of one colour."""
    return Used(SIZE, {(3, 3): colour, (36, 16): colour})


def cut(data: bytes, share: float = 0.5) -> bytes:
    """The first part of a file."""
    return data[: int(len(data) * share)]


def noise(kind: str, **options: object) -> bytes:
    """A picture that does not compress: half of its file is half of its rows."""
    cells = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    return saved(Image.fromarray(cells), kind, **options)


def sideways(orientation: int) -> bytes:
    """The quarters stored as a camera stores them that was held in this orientation (EXIF 2.3, tag 0x0112)."""
    upright = np.asarray(quarters(SIZE))
    across = upright.transpose(1, 0, 2)
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: across, 6: np.rot90(upright), 7: across[::-1, ::-1], 8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(Image.fromarray(np.ascontiguousarray(stored)), "JPEG", exif=exif, quality=98, subsampling=0)


def palette(kind: str) -> bytes:
    """A palette whose first colour is transparent, its second blue."""
    image = Image.new("P", SIZE, 0)
    image.putpalette([250, 0, 0, *BLUE])
    image.paste(1, (20, 0, 40, 20))
    return saved(image, kind, transparency=0)


def animated(kind: str) -> bytes:
    """Green, then red."""
    frames = [Image.new("RGB", SIZE, colour) for colour in (GREEN, RED)]
    return saved(frames[0], kind, save_all=True, append_images=frames[1:])


def patched_jpeg(width: int, height: int) -> bytes:
    """A small JPEG whose header tells another size."""
    data = bytearray(saved(quarters(SIZE), "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def sixteen_bit_colour() -> bytes:
    """Green in 16 bits per channel, which Pillow itself cannot write."""
    pixel = struct.pack(">HHH", *(257 * value for value in GREEN))
    return png(*SIZE, 16, 2, (b"\0" + pixel * SIZE[0]) * SIZE[1])


def text_bomb() -> bytes:
    """A sound picture with a comment of 256 MiB in 256 KiB."""
    text = b"Comment\0\0" + zlib.compress(bytes(2**28), 9)
    return png(*SIZE, 8, 2, (b"\0" + bytes(GREEN) * SIZE[0]) * SIZE[1], (b"zTXt", text))


def with_garbage(kind: str) -> bytes:
    """A sound picture beside an unreadable colour profile, or unreadable notes of a camera."""
    garbage = np.random.default_rng(1).bytes(3000)
    options = {"icc_profile": garbage} if kind == "ICC" else {"exif": b"Exif\0\0MM\0*" + garbage}
    return saved(quarters(SIZE), "JPEG", quality=98, subsampling=0, **options)


def circular_tiff() -> bytes:
    """A TIFF whose only directory names itself as the next."""
    data = bytearray(saved(quarters(SIZE), "TIFF"))
    first = struct.unpack("<I", data[4:8])[0]
    entries = struct.unpack("<H", data[first : first + 2])[0]
    data[first + 2 + 12 * entries : first + 6 + 12 * entries] = struct.pack("<I", first)
    return bytes(data)


BYTES: list[tuple[str, str, Callable[[], bytes], Used | str]] = [
    ("a sound picture", "p.png", lambda: saved(quarters(SIZE), "PNG"), seen_quarters()),
    ("no bytes", "p.png", lambda: b"", images.EMPTY_FILE),
    ("one byte", "p.jpg", lambda: b"\xff", images.UNKNOWN_FORMAT),
    ("a PNG cut in half", "p.png", lambda: cut(noise("PNG")), images.DAMAGED),
    ("a JPEG cut in half", "p.jpg", lambda: cut(noise("JPEG")), images.DAMAGED),
    ("a WebP cut in half", "p.webp", lambda: cut(noise("WEBP")), images.DAMAGED),
    ("a GIF cut in half", "p.gif", lambda: cut(noise("GIF"), 0.7), images.DAMAGED),
    ("a BMP cut in half", "p.bmp", lambda: cut(noise("BMP")), images.DAMAGED),
    ("a TIFF cut in half", "p.tiff", lambda: cut(noise("TIFF")), images.DAMAGED),
    ("only the header of a PNG", "p.png", lambda: noise("PNG")[:33], images.DAMAGED),
    ("a PNG that says it is 2 billion wide", "p.png", lambda: png(2**31 - 1, 2**31 - 1, 8, 2, b"\0"), TOO_LARGE),
    ("a PNG with no width", "p.png", lambda: png(0, 20, 8, 2, b"\0"), images.DAMAGED),
    ("a bomb of 81 million pixels in 10 kB", "p.png", lambda: png(9000, 9000, 1, 0, bytes(1126 * 9000)), TOO_LARGE),
    ("a bomb in a comment", "p.png", text_bomb, images.DAMAGED),
    ("a JPEG 65,500 pixels wide", "p.jpg", lambda: saved(Image.new("RGB", (65500, 1)), "JPEG"), Used((65500, 1))),
    ("a JPEG that says 65,535 pixels", "p.jpg", lambda: patched_jpeg(65535, 20), images.DAMAGED),
    ("a JPEG that says 65,535 × 65,535 pixels", "p.jpg", lambda: patched_jpeg(65535, 65535), TOO_LARGE),
    ("a JPEG of four inks", "p.jpg", lambda: saved(Image.new("CMYK", SIZE, (235, 55, 235, 0)), "JPEG"), plain(GREEN)),
    ("a TIFF of four inks", "p.tiff", lambda: saved(Image.new("CMYK", SIZE, (235, 55, 235, 0)), "TIFF"), plain(GREEN)),
    ("a grey PNG of 16 bits", "p.png", lambda: saved(Image.new("I;16", SIZE, 32896), "PNG"), plain((128,) * 3)),
    ("a grey TIFF of 16 bits", "p.tiff", lambda: saved(Image.new("I;16", SIZE, 32896), "TIFF"), plain((128,) * 3)),
    ("a coloured PNG of 16 bits", "p.png", sixteen_bit_colour, plain(GREEN)),
    ("a TIFF of floats", "p.tiff", lambda: saved(Image.new("F", SIZE, 0.5), "TIFF"), plain((128,) * 3)),
    ("a TIFF of nothing but NaN", "p.tiff", lambda: saved(Image.new("F", SIZE, np.nan), "TIFF"), plain((0, 0, 0))),
    ("one bit per pixel", "p.png", lambda: saved(Image.new("1", SIZE, 1), "PNG"), plain(WHITE)),
    ("a palette with a transparent colour", "p.png", lambda: palette("PNG"), Used(SIZE, {(3, 3): WHITE, (30, 3): BLUE})),
    ("a GIF with a transparent colour", "p.gif", lambda: palette("GIF"), Used(SIZE, {(3, 3): WHITE, (30, 3): BLUE})),
    ("a wholly transparent picture", "p.png", lambda: saved(Image.new("RGBA", SIZE, (9, 9, 9, 0)), "PNG"), plain(WHITE)),
    ("an animated GIF", "p.gif", lambda: animated("GIF"), plain(GREEN)),
    ("an animated WebP", "p.webp", lambda: animated("WEBP"), plain(GREEN)),
    ("an animated PNG", "p.png", lambda: animated("PNG"), plain(GREEN)),
    *[(f"a JPEG held in orientation {n}", "p.jpg", lambda n=n: sideways(n), seen_quarters()) for n in range(1, 9)],
    ("a PNG called .jpg", "p.jpg", lambda: saved(quarters(SIZE), "PNG"), seen_quarters()),
    ("a WebP without a suffix", "p", lambda: saved(quarters(SIZE), "WEBP", lossless=True), seen_quarters()),
    ("a text called .png", "p.png", lambda: b"no picture at all\n" * 40, images.UNKNOWN_FORMAT),
    ("a program called .png", "p.png", lambda: b"\x7fELF\x02\x01\x01" + bytes(200), images.UNKNOWN_FORMAT),
    ("the first bytes of a PNG before other things", "p.png", lambda: b"\x89PNG\r\n\x1a\n" + bytes(99), images.DAMAGED),
    ("a drawing in SVG", "p.svg", lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>', images.UNKNOWN_FORMAT),
    ("a drawing in EPS", "p.eps", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", images.UNKNOWN_FORMAT),
    ("a page in PDF", "p.pdf", lambda: b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n%%EOF\n", images.UNKNOWN_FORMAT),
    ("an EPS called .jpg", "p.jpg", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", images.UNKNOWN_FORMAT),
    ("a garbled colour profile", "p.jpg", lambda: with_garbage("ICC"), seen_quarters()),
    ("garbled notes of a camera", "p.jpg", lambda: with_garbage("EXIF"), seen_quarters()),
    ("an orientation that does not exist", "p.jpg", lambda: _orientation(99), seen_quarters()),
    ("a TIFF whose directory leads to itself", "p.tiff", circular_tiff, seen_quarters()),
    ("a PPM without pixels", "p.ppm", lambda: b"P6 40 20 255\n", images.DAMAGED),
    ("a PPM with a size of no number", "p.ppm", lambda: b"P6 -4 20 255\n" + bytes(999), images.DAMAGED),
]  # fmt: skip
"""what it is, the file's name, its bytes, what must become of it"""

if features.check("jpg_2000"):
    BYTES.append(("a JPEG 2000", "p.jp2", lambda: saved(quarters(SIZE), "JPEG2000"), seen_quarters()))
    BYTES.append(("a JPEG 2000 cut in half", "p.jp2", lambda: cut(noise("JPEG2000")), images.DAMAGED))
if features.check("avif"):
    BYTES.append(("an AVIF", "p.avif", lambda: saved(quarters(SIZE), "AVIF", quality=95), seen_quarters()))
    BYTES.append(("an AVIF cut in half", "p.avif", lambda: cut(noise("AVIF")), images.DAMAGED))


def _orientation(number: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = number
    return saved(quarters(SIZE), "JPEG", exif=exif, quality=98, subsampling=0)


def _huge_file(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(images.MAX_FILE_BYTES + 1)  # takes no room on the disk


def _link_out(path: Path) -> None:
    good_picture(path.parent.parent / "secret.png")
    path.symlink_to("../secret.png")


def _link_in(path: Path) -> None:
    good_picture(path.parent / "inside.png")
    path.symlink_to("inside.png")


def _unreadable(path: Path) -> None:
    good_picture(path)
    path.chmod(0)


FILES: list[tuple[str, Callable[[Path], None], Used | str]] = [
    ("a pipe that nobody writes to", os.mkfifo, images.NOT_A_FILE),
    ("a folder called .png", Path.mkdir, images.NOT_A_FILE),
    ("a link to /dev/zero", lambda path: path.symlink_to("/dev/zero"), images.OUTSIDE),
    ("a link to another program's memory", lambda path: path.symlink_to("/proc/self/mem"), images.OUTSIDE),
    ("a link out of the folder", _link_out, images.OUTSIDE),
    ("a link that stays in the folder", _link_in, seen_quarters()),
    ("a link to itself", lambda path: path.symlink_to(path.name), images.MISSING),
    ("a link to nothing", lambda path: path.symlink_to("nothing.png"), images.MISSING),
    ("a file of half a gigabyte", _huge_file, images.BIG_FILE),
    ("a file without permission to read", _unreadable, images.NO_ACCESS),
]
"""what it is, how it is made, what must become of it"""


def _entry(name: str, file: str, make: Callable[[Path], object], outcome: Used | str) -> Nasty:
    def write(folder: Path) -> Path:
        good_picture(folder / "good.png")
        make(folder / file)
        rows = [{"image": one, "caption": f"a picture {one}"} for one in ("good.png", file, "good.png")]
        return json_table(folder, rows)

    return Nasty(name, write, (Used(), outcome, Used()), name == "a file without permission to read")


NASTY_PICTURES = [
    *[_entry(name, file, lambda path, data=data: path.write_bytes(data()), want) for name, file, data, want in BYTES],
    *[_entry(name, "p.png", make, want) for name, make, want in FILES],
]
