"""Folders of given features that lie: NaN, zeros, other counts, pickled objects, headers that promise too much."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from expectations import Nasty, Refused, Used

from engine.pairs.readers.clip_retrieval import ALL_ZERO, NOT_FINITE

ROWS, WIDTH = 4, 8
IMAGE, TEXT, METADATA = "img_emb/img_emb_0.npy", "text_emb/text_emb_0.npy", "metadata/metadata_0.parquet"
GOOD = Used((0, 0))
NOT_NUMBERS = Refused("readable .npy file")


def features(**changed: float) -> np.ndarray:
    """Sound features; `row_2=nan` puts it into row 2 (1-based), `all_2` into all of it."""
    found = np.random.default_rng(3).normal(size=(ROWS, WIDTH)).astype(np.float32)
    for where, value in changed.items():
        kind, row = where.split("_")
        found[int(row) - 1, slice(None) if kind == "all" else slice(1)] = value
    return found


def with_header(header: str, data: bytes = bytes(256)) -> bytes:
    """An .npy file of version 1 with any header."""
    text = header.encode("latin-1") + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


def array(value: np.ndarray) -> bytes:
    """An .npy file."""
    file = io.BytesIO()
    np.save(file, value, allow_pickle=True)
    return file.getvalue()


def archive() -> bytes:
    """An .npz, called .npy."""
    file = io.BytesIO()
    np.savez(file, features())
    return file.getvalue()


def broken_archive() -> bytes:
    """The first bytes of a zip file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("a", b"a" * 99)
    return file.getvalue()[:40]


def header(shape: str = f"({ROWS}, {WIDTH})", descr: str = "'<f4'", order: str = "False") -> str:
    """The header's text."""
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"


def row(kind: str, reason: str, number: int) -> tuple[Used | str, ...]:
    """All rows are good but one."""
    return tuple(reason.format(kind) if at == number else GOOD for at in range(1, ROWS + 1))


FEATURES: list[tuple[str, str, Callable[[], bytes], tuple[Used | str, ...] | Refused]] = [
    ("sound features", IMAGE, lambda: array(features()), (GOOD,) * ROWS),
    ("half precision", IMAGE, lambda: array(features().astype(np.float16)), (GOOD,) * ROWS),
    ("the other byte order", IMAGE, lambda: array(features().astype(">f4")), (GOOD,) * ROWS),
    ("columns first", IMAGE, lambda: array(np.asfortranarray(features())), (GOOD,) * ROWS),
    ("NaN", IMAGE, lambda: array(features(row_2=np.nan)), row("image", NOT_FINITE, 2)),
    ("infinity in a text", TEXT, lambda: array(features(row_3=-np.inf)), row("text", NOT_FINITE, 3)),
    ("zeros", IMAGE, lambda: array(features(all_1=0)), row("image", ALL_ZERO, 1)),
    ("zeros in a text", TEXT, lambda: array(features(all_4=0)), row("text", ALL_ZERO, 4)),
    ("fewer images than texts", IMAGE, lambda: array(features()[:3]), Refused("as many image features")),
    ("fewer texts than images", TEXT, lambda: array(features()[:3]), Refused("as many image features")),
    ("pickled objects", IMAGE, lambda: array(np.array([[{}], [1], ["a"], [None]], dtype=object)), NOT_NUMBERS),
    ("a pickle", IMAGE, lambda: b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x07pickled\x94.", NOT_NUMBERS),
    ("whole numbers", IMAGE, lambda: array(np.ones((ROWS, WIDTH), dtype=np.int64)), Refused("floating-point")),
    ("complex numbers", IMAGE, lambda: array(features().astype(np.complex64)), Refused("floating-point")),
    ("named fields", IMAGE, lambda: array(np.zeros(ROWS, dtype=[("a", "f4")])), Refused("floating-point")),
    ("one axis", IMAGE, lambda: array(features()[0]), Refused("floating-point")),
    ("three axes", IMAGE, lambda: array(features()[None]), Refused("floating-point")),
    ("no width", IMAGE, lambda: array(np.zeros((ROWS, 0), np.float32)), Refused("floating-point")),
    ("no bytes of features", IMAGE, lambda: b"", NOT_NUMBERS),
    ("features cut off", IMAGE, lambda: array(features())[:-20], NOT_NUMBERS),
    ("a header that promises a terabyte", IMAGE, lambda: with_header(header("(500000000, 512)")), NOT_NUMBERS),
    ("a header beyond all memory", IMAGE, lambda: with_header(header(f"({2**80}, 8)")), NOT_NUMBERS),
    ("a header of negative length", IMAGE, lambda: with_header(header("(-4, -8)")), NOT_NUMBERS),
    ("a header with a shape of text", IMAGE, lambda: with_header(header("('4', 8)")), NOT_NUMBERS),
    ("a header with an unknown kind of number", IMAGE, lambda: with_header(header(descr="'<q99'")), NOT_NUMBERS),
    ("a header that is a program", IMAGE, lambda: with_header("__import__('os').system('true')"), NOT_NUMBERS),
    ("a header of brackets", IMAGE, lambda: with_header("(" * 9000), NOT_NUMBERS),
    ("a header cut off", IMAGE, lambda: with_header(header(), b"")[:30], NOT_NUMBERS),
    ("an archive called .npy", IMAGE, archive, NOT_NUMBERS),
    ("a broken archive called .npy", IMAGE, broken_archive, NOT_NUMBERS),
    ("metadata that is no Parquet", METADATA, lambda: b"image,caption\n", Refused("readable Parquet")),
]
"""what it is, the file that is nasty, its bytes, what must become of the rows"""


def _sound(folder: Path) -> None:
    for name in (IMAGE, TEXT, METADATA):
        (folder / name).parent.mkdir()
    for name in (IMAGE, TEXT):
        (folder / name).write_bytes(array(features()))
    pq.write_table(pa.table({"caption": [f"words {at}" for at in range(ROWS)]}), folder / METADATA)


def _entry(name: str, file: str, data: Callable[[], bytes], want: tuple[Used | str, ...] | Refused) -> Nasty:
    def write(folder: Path) -> Path:
        _sound(folder)
        (folder / file).write_bytes(data())
        return folder

    return Nasty(f"features: {name}", write, want)


def _without(file: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        _sound(folder)
        (folder / file).unlink()
        return folder

    return write


def _other_width(folder: Path) -> Path:
    _sound(folder)
    for name in (IMAGE, TEXT, METADATA):
        (folder / name.replace("_0", "_1")).write_bytes((folder / name).read_bytes())
    (folder / IMAGE.replace("_0", "_1")).write_bytes(array(features()[:, :4]))
    return folder


NASTY_FEATURES = [
    *[_entry(*one) for one in FEATURES],
    *[
        Nasty(f"features: no {file}", _without(file), Refused("for the same numbers"))
        for file in (IMAGE, TEXT, METADATA)
    ],
    Nasty("features: two widths", _other_width, Refused("of one width")),
]
