"""Cells that break programs: paths that lead away, text that is no text, text that other programs would run."""

# ruff: noqa: E501  (the corpus reads as a table)

from __future__ import annotations

from pathlib import Path
from typing import Any

from expectations import Nasty, Used, good_picture, json_table

from engine.pairs import images, rows
from engine.pairs.ids import REPEATED_ID

LONG_NAME = "n" * 251 + ".png"
NAMES = (
    "=1+1.png", "<img src=x onerror=alert(1)>.png", "مرحبا\u202e.png", "zero\u200bwidth.png", "🦊🏽‍♀️.png", "a b\tc.png",
    "%2e%2e%2fetc.png", "$(reboot).png", "';drop table pairs;--.png", "new\nline.png", "C.png", "...png", "-rf.png", LONG_NAME,
)  # fmt: skip
"""names that file systems allow"""

IMAGES: list[tuple[str, Any, Used | str]] = [
    *[(f"the name {name[:20]!r}", name, Used((40, 20))) for name in NAMES],
    ("a name in a folder", "./sub/./good.png", Used((40, 20))),
    ("a name of 256 characters", "n" + LONG_NAME, images.MISSING),
    ("a name of a million characters", "n" * 1_000_000, images.MISSING),
    ("an empty name", "", images.NO_PATH),
    ("blanks for a name", " \t\n", images.NO_PATH),
    ("a name that is absent", None, images.NO_PATH),
    ("a file that is not there", "nothing.png", images.MISSING),
    ("upwards", "../secret.png", images.UPWARDS),
    ("upwards and back", "sub/../good.png", images.UPWARDS),
    ("upwards as on Windows", "..\\secret.png", images.UPWARDS),
    ("upwards in the middle", "sub\\..\\..\\secret.png", images.UPWARDS),
    ("an absolute path", "/etc/passwd", images.ABSOLUTE),
    ("two slashes", "//etc/passwd", images.ABSOLUTE),
    ("a drive letter", "C:\\secret.png", images.ABSOLUTE),
    ("a drive letter without a slash", "C:secret.png", images.ABSOLUTE),
    ("a server's share", "\\\\host\\share\\a.png", images.ABSOLUTE),
    ("a home folder", "~/secret.png", images.MISSING),
    ("a variable", "$HOME/secret.png", images.MISSING),
    ("http", "http://127.0.0.1:9/a.png", images.URL),
    ("https in capitals", "HTTPS://example.invalid/a.png", images.URL),
    ("file", "file:///etc/passwd", images.URL),
    ("s3", "s3://bucket/a.png", images.URL),
    ("data", "data:image/png;base64,iVBORw0KGgo=", images.URL),
    ("data in capitals", "DATA:image/png;base64,iVBORw0KGgo=", images.URL),
    ("a NUL", "good.png\0.jpg", rows.HAS_NUL.format("image path")),
    ("half a character", "\ud800.png", rows.NOT_UTF_8.format("image path")),
    ("a folder", "sub", images.NOT_A_FILE),
    ("the folder itself", ".", images.NOT_A_FILE),
    ("a file as a folder", "good.png/inner.png", images.MISSING),
    ("a list", ["good.png"], rows.NOT_TEXT.format("image path")),
    ("truth", True, rows.NOT_TEXT.format("image path")),
    ("a number", 7, images.MISSING),
]
"""what it is, the cell `image`, what must become of the row"""

CAPTIONS: list[tuple[str, Any, Used | str]] = [
    *[
        (name, text, Used())
        for name, text in (
            ("a million letters", "a" * 1_000_000), ("a million spaces and a letter", " " * 1_000_000 + "a"),
            ("a million angle brackets", "<" * 1_000_000), ("a million dots", "." * 1_000_000),
            ("a million digits", "7" * 1_000_000), ("half a million line ends", "a\n" * 500_000),
            ("a hundred thousand addresses", "http://a.b/" * 100_000), ("a hundred thousand at signs", "a@b." * 100_000),
            ("right to left", "\u202eabc\u202c"), ("nothing to be seen", "\u200b"), ("an emoji of many parts", "👩‍👩‍👧‍👦🏳️‍🌈"),
            ("a thousand accents on one letter", "e" + "\u0301" * 1000), ("a formula", "=HYPERLINK(\"http://x\")"),
            ("a command", "@SUM(1+1)*cmd|' /C calc'!A0"), ("a script", "<script>alert(1)</script>"),
            ("a picture in Markdown", "![x](javascript:alert(1)) :material/home: $\\sqrt{x}$"), ("quotes", "\"'`\\\"\"'"),
            ("escapes of a terminal", "\x1b[2J\x1b]0;title\x07"), ("not a character", "\ufffe\uffff"),
            ("the last character", "\U0010ffff"), ("a placeholder", "{0} {name} %s %(x)s ${PATH}"), ("a whole number", 12),
            ("a huge number", 10**300), ("infinity", float("inf")), ("the word null", "null"),
        )
    ],
    ("an empty caption", "", rows.NO_CAPTION),
    ("blanks", " \t\r\n\u00a0\u2003", rows.NO_CAPTION),
    ("no caption", None, rows.NO_CAPTION),
    ("not a number", float("nan"), rows.NO_CAPTION),
    ("a NUL in a caption", "a\0b", rows.HAS_NUL.format("caption")),
    ("half a character in a caption", "a \ud800 b", rows.NOT_UTF_8.format("caption")),
    ("bytes that are no UTF-8", "caf\udce9", rows.NOT_UTF_8.format("caption")),
    ("two halves the wrong way round", "\udc00\ud800", rows.NOT_UTF_8.format("caption")),
    ("a list for a caption", ["a", "b"], rows.NOT_TEXT.format("caption")),
    ("an object for a caption", {"text": "a"}, rows.NOT_TEXT.format("caption")),
    ("false for a caption", False, rows.NOT_TEXT.format("caption")),
]  # fmt: skip
"""what it is, the cell `caption`, what must become of the row"""

CELLS: list[tuple[str, dict[str, Any], Used | str]] = [
    ("an id of 240 characters", {"pair_id": "i" * 240}, Used()),
    ("an id of 241 characters", {"pair_id": "i" * 241}, rows.LONG_ID),
    ("the id of an earlier row", {"pair_id": "first"}, REPEATED_ID),
    ("the id of an earlier row and blanks", {"pair_id": " first\n"}, REPEATED_ID),
    ("an id that is a formula", {"pair_id": "=1+1"}, Used()),
    ("a blank id", {"pair_id": "  "}, Used()),
    ("an id with a NUL", {"pair_id": "a\0"}, rows.HAS_NUL.format("pair_id")),
    ("an id that is a list", {"pair_id": [1]}, rows.NOT_TEXT.format("pair_id")),
    ("half a character in the id", {"pair_id": "\udfff"}, rows.NOT_UTF_8.format("pair_id")),
    ("half a character in the label", {"label": "\udfff"}, rows.NOT_UTF_8.format("label")),
    ("a label that is an object", {"label": {}}, rows.NOT_TEXT.format("label")),
    ("a split that nobody knows", {"split": "restval"}, rows.BAD_SPLIT),
    ("no split", {"split": ""}, rows.BAD_SPLIT),
    ("a split in capitals", {"split": " TEST "}, Used()),
]
"""what it is, cells that differ from a sound row, what must become of the row"""


def _furnish(folder: Path) -> None:
    for name in ("good.png", *NAMES):
        good_picture(folder / name)
    (folder / "sub").mkdir()
    good_picture(folder / "sub" / "good.png")
    good_picture(folder.parent / "secret.png")


def rows_of_all() -> list[tuple[str, dict[str, Any], Used | str]]:
    """Every nasty row after a sound one: what it is, its cells, what must become of it."""
    sound = {"image": "good.png", "caption": "sound", "pair_id": "first", "split": "train", "label": "none"}
    own = {**sound, "pair_id": None}
    return [
        ("a sound row", sound, Used((40, 20))),
        *[(f"image: {name}", {**own, "image": cell}, want) for name, cell, want in IMAGES],
        *[(f"caption: {name}", {**own, "caption": cell}, want) for name, cell, want in CAPTIONS],
        *[(name, {**own, **cells}, want) for name, cells, want in CELLS],
    ]


def _entry(name: str, cells: dict[str, Any], want: Used | str) -> Nasty:
    sound = rows_of_all()[0][1]

    def write(folder: Path) -> Path:
        _furnish(folder)
        return json_table(folder, [sound, cells])

    return Nasty(name, write, (Used((40, 20)), want))


def _all_in_one(folder: Path) -> Path:
    _furnish(folder)
    return json_table(folder, [cells for _, cells, _ in rows_of_all()])


NASTY_ROWS = [
    *[_entry(name, cells, want) for name, cells, want in rows_of_all()[1:]],
    Nasty("all nasty rows in one table", _all_in_one, tuple(want for _, _, want in rows_of_all())),
]
