"""Table files that break readers: encodings, quotes, ragged rows, depth, doubled columns, damage, and no files at all."""

# ruff: noqa: E501  (the corpus reads as a table)

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from expectations import Nasty, Refused, Used, good_picture

from engine.pairs import rows
from engine.pairs.readers.delimited import BAD_QUOTES, TOO_MANY_CELLS
from engine.pairs.readers.jsonl import NOT_AN_OBJECT, NOT_JSON

GOOD = Used((40, 20))
NOT_UTF_8 = rows.NOT_UTF_8.format("caption")
JSON_ROW = b'{"image": "a.png", "caption": "good"}\n'
CSV = b"image,caption\n"

TEXTS: list[tuple[str, str, bytes, tuple[Used | str, ...] | Refused]] = [
    ("no bytes of a table", "t.csv", b"", Refused("at least one row")),
    ("only a header", "t.csv", CSV, Refused("at least one row")),
    ("only blank lines", "t.csv", b"\n\n  \n", Refused("at least one row")),
    ("only a byte order mark", "t.csv", b"\xef\xbb\xbf", Refused("at least one row")),
    ("no header", "t.csv", b"a.png,a cat\na.png,a dog\n", Refused("column for the image")),
    ("a header without captions", "t.csv", b"image,words\na.png,a\n", Refused("column for the caption")),
    ("a header that is no UTF-8", "t.csv", b"image,l\xe9gende\na.png,a\n", Refused("column for the caption")),
    ("ten thousand columns", "t.csv", b",".join(b"c%d" % i for i in range(10**4)) + b"\n1\n", Refused("and 9980 more")),
    ("a column's name of a megabyte", "t.csv", b"x" * 2**20 + b",caption\na,b\n", Refused("column for the image")),
    ("UTF-16", "t.csv", "image,caption\na.png,a\n".encode("utf-16"), Refused("UTF-8")),
    ("UTF-16 the other way round", "t.csv", b"\xfe\xff" + "image,caption\na.png,a\n".encode("utf-16-be"), Refused("UTF-8")),
    ("UTF-16 in a .tsv", "t.tsv", "image\tcaption\na.png\ta\n".encode("utf-16"), Refused("UTF-8")),
    ("UTF-16 in a .jsonl", "t.jsonl", JSON_ROW.decode().encode("utf-16"), Refused("UTF-8")),
    ("UTF-32", "t.csv", "image,caption\na.png,a\n".encode("utf-32"), Refused("UTF-8")),
    ("a byte order mark", "t.csv", b"\xef\xbb\xbfimage,caption\na.png,a\n", (GOOD,)),
    ("a byte order mark in a .jsonl", "t.jsonl", b"\xef\xbb\xbf" + JSON_ROW, (GOOD,)),
    ("semicolons", "t.csv", b"image;caption\na.png;a, b\n", (GOOD,)),
    ("Windows' line ends, Mac's, and none at the end", "t.csv", b"image,caption\r\na.png,a\ra.png,b", (GOOD, GOOD)),
    ("Latin-1", "t.csv", CSV + b"a.png,caf\xe9\na.png,tea\n", (NOT_UTF_8, GOOD)),
    ("an encoded half of a character", "t.csv", CSV + b"a.png,\xed\xa0\x80\na.png,b\n", (NOT_UTF_8, GOOD)),
    ("half a character as a JSON escape", "t.jsonl", b'{"image": "a.png", "caption": "\\ud83d"}\n' + JSON_ROW, (NOT_UTF_8, GOOD)),
    ("NUL bytes", "t.csv", CSV + b"a.png,a\0b\na.png,b\n", (rows.HAS_NUL.format("caption"), GOOD)),
    ("a quote that is never closed", "t.csv", CSV + b'a.png,"open\na.png,b\na.png,c\n', (BAD_QUOTES, GOOD, GOOD)),
    ("text after a quote", "t.csv", CSV + b'a.png,"a"b\na.png,b\n', (BAD_QUOTES, GOOD)),
    ("a quote that is never closed in a .tsv", "t.tsv", b'image\tcaption\na.png\t"open\na.png\tb\n', (GOOD, GOOD)),
    ("20,000 quotes that are never closed", "t.csv", CSV + b'a","b\n' * 20000, (BAD_QUOTES,) * 20000),
    ("rows that are too long", "t.csv", CSV + b"a.png,a,b\na.png,b,,\n", (TOO_MANY_CELLS, GOOD)),
    ("rows that are too short", "t.csv", CSV + b"a.png\na.png,b\n,\n", (rows.NO_CAPTION, GOOD, rows.NO_CAPTION)),
    ("a column twice", "t.csv", b"image,caption,caption\na.png,first,second\n", (GOOD,)),
    ("JSON of a hundred thousand levels", "t.jsonl", b"[" * 10**5 + b"\n" + JSON_ROW, (NOT_JSON, GOOD)),
    ("an object of a hundred thousand levels", "t.jsonl", b'{"a":' * 10**5 + b"1" + b"}" * 10**5 + b"\n" + JSON_ROW, (NOT_JSON, GOOD)),
    ("a number of 5,000 digits", "t.jsonl", b'{"image": "a.png", "caption": ' + b"9" * 5000 + b"}\n" + JSON_ROW, (NOT_JSON, GOOD)),
    ("a number beyond all floats", "t.jsonl", b'{"image": "a.png", "caption": 1e999}\n', (GOOD,)),
    ("lines that are JSON but no objects", "t.jsonl", b'3\n"a"\n[]\nnull\n' + JSON_ROW, (NOT_AN_OBJECT,) * 4 + (GOOD,)),
    ("a line cut in the middle", "t.jsonl", JSON_ROW + b'{"image": "a.png", "capt', (GOOD, NOT_JSON)),
    ("nothing but broken lines", "t.jsonl", b"{\n{\n", Refused("column for the image")),
    ("one JSON list instead of lines", "t.jsonl", b"[" + JSON_ROW.strip() + b"]", Refused("column for the image")),
    ("names that are half characters", "t.jsonl", b'{"\\ud800": 1, "\\u0000": 2}\n', Refused("column for the image")),
    ("a name twice in an object", "t.jsonl", b'{"image": "b.png", "caption": "x", "image": "a.png"}\n', (GOOD,)),
    ("text called .parquet", "t.parquet", CSV, Refused("readable Parquet")),
    ("an empty .parquet", "t.parquet", b"", Refused("readable Parquet")),
    ("a spreadsheet", "t.xlsx", b"PK\x03\x04", Refused("a table of pairs")),
    ("a table without a suffix", "table", CSV, Refused("a table of pairs")),
]  # fmt: skip
"""what it is, the file's name, its bytes, what must become of its rows"""


def parquet(rows_: dict[str, pa.Array | list] | pa.Table) -> Callable[[Path], None]:
    """Writes a Parquet table."""
    return lambda path: pq.write_table(rows_ if isinstance(rows_, pa.Table) else pa.table(rows_), path)


def _cut_parquet(path: Path) -> None:
    parquet({"image": ["a.png"] * 9, "caption": list("abcdefghi")})(path)
    path.write_bytes(path.read_bytes()[:-40])


def _scribbled_parquet(path: Path) -> None:
    """Damage in the data, not in the footer: the file opens and breaks while it is read."""
    pq.write_table(
        pa.table({"image": ["a.png"] * 99, "caption": [str(i) for i in range(99)]}), path, compression="gzip"
    )
    data = bytearray(path.read_bytes())
    data[20:80] = bytes(60)
    path.write_bytes(data)


def _twice() -> pa.Table:
    return pa.table([["a.png"], ["first"], ["second"]], names=["image", "caption", "caption"])


A = ["a.png"]
LATIN = pa.array([b"caf\xe9", b"tea"], pa.binary()).view(pa.string())
NOT_TEXT = rows.NOT_TEXT.format("caption")
PARQUETS: list[tuple[str, Callable[[Path], None], tuple[Used | str, ...] | Refused]] = [
    ("a Parquet table cut off", _cut_parquet, Refused("readable Parquet")),
    ("a Parquet table scribbled on", _scribbled_parquet, Refused("readable Parquet")),
    ("a Parquet table without rows", parquet({"image": pa.array([], pa.string()), "caption": pa.array([], pa.string())}), Refused("at least one row")),
    ("a Parquet table without columns", parquet({}), Refused("at least one row")),
    ("a column twice in Parquet", parquet(_twice()), Refused("two columns called caption")),
    ("Latin-1 in Parquet", parquet({"image": A * 2, "caption": LATIN}), (NOT_UTF_8, GOOD)),
    ("captions in a dictionary", parquet({"image": A * 2, "caption": pa.array(["a", "b"]).dictionary_encode()}), (GOOD, GOOD)),
    ("captions as bytes", parquet({"image": A * 2, "caption": pa.array([b"a", b"\xff"])}), (GOOD, NOT_UTF_8)),
    ("captions that are all absent", parquet({"image": A, "caption": pa.nulls(1)}), (rows.NO_CAPTION,)),
    ("captions that are lists", parquet({"image": A, "caption": [["a", "b"]]}), (NOT_TEXT,)),
    ("captions that are structures", parquet({"image": A, "caption": [{"a": 1}]}), (NOT_TEXT,)),
    ("captions that are decimals", parquet({"image": A, "caption": [Decimal("1.5")]}), (NOT_TEXT,)),
    ("captions that are days", parquet({"image": A, "caption": [datetime.date(2026, 1, 1)]}), (NOT_TEXT,)),
    ("captions in the year 292,277", parquet({"image": A, "caption": pa.array([2**62], pa.timestamp("us"))}), (NOT_TEXT,)),
    ("captions beyond all days", parquet({"image": A, "caption": pa.array([2**31 - 1], pa.date32())}), (NOT_TEXT,)),
    ("captions of nanoseconds", parquet({"image": A, "caption": pa.array([1], pa.duration("ns"))}), (NOT_TEXT,)),
    ("captions that are numbers", parquet({"image": A * 2, "caption": [1.0, float("nan")]}), (GOOD, rows.NO_CAPTION)),
    ("images that are structures", parquet({"image": [{"x": "a.png"}], "caption": ["a"]}), (rows.NOT_TEXT.format("image path"),)),
]  # fmt: skip
"""what it is, how it is written, what must become of its rows"""


def _in_strange_folder(folder: Path) -> Path:
    """A table whose own path is no text: Linux allows any bytes."""
    inner = folder / os.fsdecode(b"caf\xe9")
    inner.mkdir()
    good_picture(inner / "a.png")
    (inner / "t.csv").write_bytes(CSV + b"a.png,a\n")
    return inner / "t.csv"


def _pipe(folder: Path) -> Path:
    os.mkfifo(folder / "t.csv")
    return folder / "t.csv"


def _endless(folder: Path) -> Path:
    (folder / "t.csv").symlink_to("/dev/zero")
    return folder / "t.csv"


def _one_bad_row(folder: Path) -> Path:
    """A table of 20,000 rows, one of them not to be read."""
    good_picture(folder / "a.png")
    lines = [json.dumps({"image": "a.png", "caption": f"picture {number}"}) for number in range(20000)]
    lines[12345] = "{"
    (folder / "t.jsonl").write_text("\n".join(lines))
    return folder / "t.jsonl"


PLACES = [
    Nasty("a table in a folder whose name is no UTF-8", _in_strange_folder, Refused("UTF-8")),
    Nasty("a pipe instead of a table", _pipe, Refused("a table of pairs")),
    Nasty("an endless file instead of a table", _endless, Refused("a table of pairs")),
    Nasty("no table", lambda folder: folder / "t.csv", Refused("no file at")),
    Nasty("a name with a NUL", lambda folder: folder / "t\0.csv", Refused("a path or a pattern")),
    Nasty(
        "a name of 5,000 characters",
        lambda folder: folder / ("t" * 5000 + ".csv"),
        Refused("a path or a pattern"),
    ),
    Nasty("an empty folder", lambda folder: folder, Refused("a table of pairs")),
    Nasty("one bad row among 20,000", _one_bad_row, (GOOD,) * 12345 + (NOT_JSON,) + (GOOD,) * 7654),
]


def _entry(name: str, file: str, make: Callable[[Path], object], outcome: tuple[Used | str, ...] | Refused) -> Nasty:
    def write(folder: Path) -> Path:
        good_picture(folder / "a.png")
        make(folder / file)
        return folder / file

    return Nasty(name, write, outcome)


NASTY_TABLES = [
    *[_entry(name, file, lambda path, data=data: path.write_bytes(data), want) for name, file, data, want in TEXTS],
    *[_entry(name, "t.parquet", make, want) for name, make, want in PARQUETS],
    *PLACES,
]
