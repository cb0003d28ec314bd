"""Shards, caption files and patterns that lie: tars cut off or going in circles, images that no list has, endless ranges."""

# ruff: noqa: E501  (the corpus reads as a table)

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from expectations import Nasty, Refused, Used, good_picture, quarters

from engine.pairs import images, rows
from engine.pairs.places.tar_members import CUT_OFF, DAMAGED_TAR
from engine.pairs.readers import coco, flickr, webdataset

GOOD = Used((40, 20))
END = bytes(1024)


def picture() -> bytes:
    """A sound picture's bytes."""
    file = io.BytesIO()
    quarters((40, 20)).save(file, "PNG")
    return file.getvalue()


def member(
    name: str | bytes, data: bytes = b"", kind: bytes = tarfile.REGTYPE, size: int | None = None, link: str = ""
) -> bytes:
    """A member as it stands in a tar, block by block; `size` may lie, also below zero."""
    name = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
    length = len(data) if size is None else size
    digits = (
        b"%011o\0" % length
        if 0 <= length < 8**11
        else bytes([0x80 if length >= 0 else 0xFF]) + (length % 256**11).to_bytes(11, "big")
    )
    parts = [name[:100].ljust(100, b"\0"), b"0000644\0", b"0000000\0", b"0000000\0", digits, b"00000000000\0"]
    rest = [kind, link.encode().ljust(100, b"\0"), b"ustar\x0000", bytes(247)]
    total = sum(b"".join(parts + rest)) + 8 * 32
    header = b"".join([*parts, b"%06o\0 " % total, *rest])
    return header + data + bytes(-len(data) % 512)


def pax(**values: object) -> bytes:
    """What the next member is called, or how long it is, in the header that overrules its own."""
    records = b""
    for key, value in values.items():
        record = f" {key}={value}\n".encode("utf-8", "surrogateescape")
        length = next(n for n in range(len(record), len(record) + 9) if n == len(record) + len(str(n)))
        records += str(length).encode() + record
    return member("pax", records, tarfile.XHDTYPE)


def pair(key: str, caption: bytes = b"words") -> bytes:
    """A picture and its caption."""
    return member(f"{key}.png", picture()) + member(f"{key}.txt", caption)


A, Z = pair("a"), pair("z")
SHARDS: list[tuple[str, Callable[[], bytes], tuple[Used | str, ...] | Refused]] = [
    ("a sound shard", lambda: A + Z + END, (GOOD, GOOD)),
    ("no bytes in a shard", lambda: b"", (CUT_OFF,)),
    ("only the end of a tar", lambda: END, Refused("at least one row")),
    ("a shard without its end", lambda: A + Z, (GOOD, GOOD, CUT_OFF)),
    ("a shard cut in a picture", lambda: (A + Z)[: len(A) + 600], (GOOD, CUT_OFF)),
    ("a shard cut in a header", lambda: (A + Z)[: len(A) + 100], (GOOD, CUT_OFF)),
    ("a shard with a scribbled header", lambda: A + b"\xff" * 512 + Z + END, (GOOD, DAMAGED_TAR)),
    ("a member of 8 exabytes", lambda: A + member("b.png", picture(), size=2**62) + Z + END, (GOOD, CUT_OFF)),
    ("a member of negative length", lambda: A + member("b.png", picture(), size=-512) + Z + END, (GOOD, DAMAGED_TAR)),
    (
        "a long name of negative length",
        lambda: A + member("x", b"", tarfile.GNUTYPE_LONGNAME, size=-1024) + Z + END,
        (GOOD, DAMAGED_TAR),
    ),
    (
        "a circle of headers",
        lambda: A + pax(size=0) + member("x", b"", tarfile.GNUTYPE_LONGNAME, size=-1536) + Z + END,
        (GOOD, DAMAGED_TAR),
    ),
    (
        "a name of a terabyte",
        lambda: A + member("x", b"", tarfile.GNUTYPE_LONGNAME, size=2**40) + Z + END,
        (GOOD, DAMAGED_TAR),
    ),
    (
        "a header that lies about the length",
        lambda: A + pax(size=2**50) + member("b.png", picture()) + END,
        (GOOD, CUT_OFF),
    ),
    (
        "a header with a length below zero",
        lambda: A + pax(size=-1) + member("b.png", picture()) + END,
        (GOOD, DAMAGED_TAR),
    ),
    (
        "a header with a length of 5,000 digits",
        lambda: A + pax(size="9" * 5000) + member("b.png", picture()) + END,
        (GOOD, DAMAGED_TAR),
    ),
    (
        "a header that is no header",
        lambda: A + member("pax", b"x" * 30, tarfile.XHDTYPE) + Z + END,
        (GOOD, DAMAGED_TAR),
    ),
    ("a name of 60,000 slashes", lambda: pax(path="/" * 60000) + member("b", b"") + A + END, (GOOD,)),
    ("a name of 30,000 folders", lambda: pax(path="a/" * 30000 + "b") + member("b", b"") + A + END, (GOOD,)),
    ("a member called upwards", lambda: pair("../a") + Z + END, (images.UPWARDS, GOOD)),
    ("a member with an absolute name", lambda: pair("/etc/a") + Z + END, (images.ABSOLUTE, GOOD)),
    ("a member called like an address", lambda: pair("http://x/a") + Z + END, (images.URL, GOOD)),
    ("a member with a drive letter", lambda: pair("C:/a") + Z + END, (images.ABSOLUTE, GOOD)),
    (
        "a member whose name is no UTF-8",
        lambda: pair("caf\udce9") + Z + END,
        (rows.NOT_UTF_8.format("image path"), GOOD),
    ),
    (
        "a member with a NUL in its name",
        lambda: pax(path="a\0b.png") + member("a", picture()) + pax(path="a\0b.txt") + member("a", b"x") + Z + END,
        (rows.HAS_NUL.format("image path"), GOOD),
    ),
    (
        "a link for a picture",
        lambda: member("a.png", kind=tarfile.SYMTYPE, link="/etc/passwd") + member("a.txt", b"x") + Z + END,
        (webdataset.NO_PICTURE, GOOD),
    ),
    (
        "a hard link for a picture",
        lambda: member("a.png", kind=tarfile.LNKTYPE, link="z.png") + member("a.txt", b"x") + Z + END,
        (webdataset.NO_PICTURE, GOOD),
    ),
    (
        "a device for a picture",
        lambda: member("a.png", kind=tarfile.CHRTYPE) + member("a.txt", b"x") + Z + END,
        (webdataset.NO_PICTURE, GOOD),
    ),
    (
        "a picture with holes",
        lambda: member("a.png", picture(), tarfile.GNUTYPE_SPARSE) + member("a.txt", b"x") + Z + END,
        (webdataset.NO_PICTURE, GOOD),
    ),
    ("a key twice in a row", lambda: A + A + Z + END, (webdataset.SAME_NAME, GOOD)),
    ("a key that comes again", lambda: A + Z + A + END, (GOOD, GOOD, webdataset.SAME_NAME)),
    (
        "two pictures with one key",
        lambda: member("a.png", picture()) + member("a.jpg", picture()) + member("a.txt", b"x") + END,
        (webdataset.SEVERAL_PICTURES,),
    ),
    ("no picture", lambda: member("a.txt", b"x") + Z + END, (webdataset.NO_PICTURE, GOOD)),
    ("no caption in a shard", lambda: member("a.png", picture()) + Z + END, (webdataset.NO_TEXT, GOOD)),
    ("an empty picture", lambda: member("a.png") + member("a.txt", b"x") + Z + END, (images.EMPTY_FILE, GOOD)),
    (
        "a picture cut off in a shard",
        lambda: member("a.png", picture()[:60]) + member("a.txt", b"x") + Z + END,
        (images.DAMAGED, GOOD),
    ),
    ("a caption of blanks in a shard", lambda: pair("a", b" \n") + Z + END, (rows.NO_CAPTION, GOOD)),
    (
        "a caption in Latin-1 in a shard",
        lambda: pair("a", b"caf\xe9") + Z + END,
        (rows.NOT_UTF_8.format("caption"), GOOD),
    ),
    (
        "JSON that is none in a shard",
        lambda: member("a.png", picture()) + member("a.json", b"[" * 99999) + Z + END,
        (webdataset.BAD_JSON, GOOD),
    ),
    ("a caption of 17 MB in a shard", lambda: pair("a", b"x" * (2**24 + 1)) + Z + END, (webdataset.LONG_TEXT, GOOD)),
    ("a compressed tar called .tar", lambda: b"\x1f\x8b\x08" + bytes(600), Refused("not compressed")),
    ("a text called .tar", lambda: b"image,caption\n" * 99, Refused("not compressed")),
]
"""what it is, the bytes of the tar, what must become of its rows"""


def coco_file(image_list: object, annotations: object) -> bytes:
    """A file of captions."""
    return json.dumps({"images": image_list, "annotations": annotations}).encode()


ONE: list[dict[str, Any]] = [{"id": 1, "file_name": "a.png"}]
SAYS: list[dict[str, Any]] = [{"image_id": 1, "caption": "words"}]
CAPTION_FILES: list[tuple[str, str, bytes, tuple[Used | str, ...] | Refused]] = [
    ("sound COCO captions", "c.json", coco_file(ONE, SAYS), (GOOD,)),
    ("JSON of a hundred thousand levels for COCO", "c.json", b"[" * 10**5, Refused("COCO captions")),
    ("a list for COCO", "c.json", b"[1, 2]", Refused("COCO captions")),
    ("a number of 5,000 digits for COCO", "c.json", b"9" * 5000, Refused("COCO captions")),
    (
        "boxes without captions",
        "c.json",
        coco_file(ONE, [{"image_id": 1, "bbox": [1, 2, 3, 4]}]),
        Refused("COCO annotations with a caption"),
    ),
    ("nothing in COCO", "c.json", coco_file([], []), Refused("at least one row")),
    (
        "an image that no list has",
        "c.json",
        coco_file(ONE, [*SAYS, {"image_id": 2, "caption": "x"}]),
        (GOOD, coco.NO_IMAGE),
    ),
    (
        "an image without captions",
        "c.json",
        coco_file([*ONE, {"id": 2, "file_name": "b.png"}], SAYS),
        (GOOD, coco.NO_CAPTION),
    ),
    ("two images with one id", "c.json", coco_file([*ONE, {"id": 1, "file_name": "b.png"}], SAYS), (coco.TWO_IMAGES,)),
    (
        "entries that are no objects",
        "c.json",
        coco_file([*ONE, 3, None], [*SAYS, "x", []]),
        (GOOD, *[coco.NOT_AN_OBJECT] * 4),
    ),
    (
        "ids that are lists",
        "c.json",
        coco_file([*ONE, {"id": [1]}], [*SAYS, {"image_id": {}, "caption": "x"}]),
        (GOOD, coco.NO_IMAGE, coco.NO_CAPTION),
    ),
    (
        "a picture's name that is a list",
        "c.json",
        coco_file([{"id": 1, "file_name": ["a.png"]}], SAYS),
        (rows.NOT_TEXT.format("image path"),),
    ),
    (
        "COCO that leads upwards",
        "c.json",
        coco_file([{"id": 1, "file_name": "../secret.png"}], SAYS),
        (images.UPWARDS,),
    ),
    (
        "COCO with half a character",
        "c.json",
        b'{"images": [{"id": 1, "file_name": "a.png"}], "annotations": [{"image_id": 1, "caption": "\\ud800"}]}',
        (rows.NOT_UTF_8.format("caption"),),
    ),
    ("sound Flickr captions", "f.token.txt", b"a.png#0\twords\n", (GOOD,)),
    (
        "Flickr lines without a hash",
        "f.token.txt",
        b"a.png#0\twords\na.png words\n#1\tx\n",
        (GOOD, flickr.NO_HASH, images.NO_PATH),
    ),
    ("Flickr in Latin-1", "f.token.txt", b"a.png#0\tcaf\xe9\na.png#1\tb\n", (rows.NOT_UTF_8.format("caption"), GOOD)),
    ("Flickr that leads upwards", "f.token.txt", b"../secret.png#0\twords\na.png#0\tx\n", (images.UPWARDS, GOOD)),
    (
        "Flickr lines with too few parts",
        "results.csv",
        b"image_name| comment_number| comment\na.png| 0| words\na.png| 1\na.png| x| y\n",
        (GOOD, flickr.NO_CELLS, flickr.NO_CELLS),
    ),
]
"""what it is, the file's name, its bytes, what must become of its rows"""

PATTERNS: list[tuple[str, str, tuple[Used | str, ...] | Refused]] = [
    ("a range of a thousand billions", "t{0..999999999999}.csv", Refused("at most 1,000,000 files")),
    ("a thousand choices in a row", "t" + "{,}" * 1300 + ".csv", Refused("at most 64 braces")),
    ("braces in braces in braces", "{a," * 60 + "}" * 60 + ".csv", Refused("deep")),
    ("braces that never close", "{" * 60, Refused("a table of pairs")),
    ("a range with a name missing", "t{0..1}.csv", Refused("all 2 files")),
    ("a pattern that nothing matches", "*.tsv", Refused("no file that matches")),
    ("a pattern that is broken", "[", Refused("a table of pairs")),
    ("an address for a table", "https://example.invalid/t.csv", Refused("download")),
    ("a program for a table", "pipe:curl example.invalid", Refused("download")),
    ("a range of one", "t{0..0}.csv", (GOOD,)),
]
"""what it is, what is given to `--pairs` behind the folder, what must become of it"""


def _file(name: str, file: str, data: Callable[[], bytes], want: tuple[Used | str, ...] | Refused) -> Nasty:
    def write(folder: Path) -> Path:
        good_picture(folder / "a.png")
        (folder / file).write_bytes(data())
        return folder / file

    return Nasty(name, write, want)


def _pattern(name: str, text: str, want: tuple[Used | str, ...] | Refused) -> Nasty:
    def write(folder: Path) -> Path | str:
        good_picture(folder / "a.png")
        (folder / "t0.csv").write_text("image,caption\na.png,words\n")
        return text if ":" in text else f"{folder}/{text}"

    return Nasty(name, write, want)


NASTY_SHARDS = [
    *[_file(name, "s.tar", data, want) for name, data, want in SHARDS],
    *[_file(name, file, lambda data=data: data, want) for name, file, data, want in CAPTION_FILES],
    *[_pattern(*one) for one in PATTERNS],
]
