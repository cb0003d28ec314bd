"""The caption files of Flickr8k and Flickr30k, as their authors and as Kaggle give them.

    Flickr8k.token.txt, results_20130124.token     1000268201.jpg#0<tab>A child in a pink dress .
    captions.txt                                   image,caption
                                                   1000268201.jpg,A child in a pink dress .
    results.csv                                    image_name| comment_number| comment
                                                   1000092795.jpg| 0| Two young guys .

A line is a pair, and so is every further caption of the same picture. There are no splits in these files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

from engine.pairs.readers.delimited import DelimitedReader
from engine.pairs.readers.interface import RawRow
from engine.pairs.readers.picture_folder import TRIED, picture_folder

COLUMNS = ("image", "caption")
SUBFOLDERS = (
    *("Flicker8k_Dataset", "Flickr8k_Dataset", "Flicker8k_dataset", "flickr8k-images", "flickr8k_images"),
    *("flickr30k-images", "flickr30k_images", "Flickr30k_images", "flickr30k-images-full"),
)
"""as the archives of the two sets call them"""
TOKEN = re.compile(r"([^\t]*)#\d+\t(.*)", re.DOTALL)
HEADER = ("image_name", "comment_number", "comment")
SNIFFED_CHARACTERS = 10_000
NO_HASH = "The line is not a picture's name with '#' and a number, a tab, and a caption."
NO_CELLS = "The line has not the three parts picture | number | caption."


class FlickrReader:
    """Captions of Flickr8k and Flickr30k.

    Pictures are looked for beside the file, and in the folders that the two sets come with, beside the file or beside
    its folder.
    """

    name = "Flickr captions"
    accepts = "captions of Flickr8k or Flickr30k (.token.txt, captions.txt, results.csv)"

    def takes(self, path: Path) -> bool:
        """Whether the first line is one of these files'."""
        return path.is_file() and path.suffix.lower() in (".txt", ".token", ".csv") and _kind(path) is not None

    def columns(self, path: Path) -> list[str]:
        """The columns image and caption."""
        return list(COLUMNS)

    def rows(self, path: Path, columns: Sequence[str]) -> Iterator[RawRow]:
        """A row per line that is not blank."""
        kind = _kind(path) or _token_rows
        rows = kind(path)
        first = list(islice(rows, TRIED))
        place = picture_folder(path, (row.values.get("image") for row in first), SUBFOLDERS)
        for row in chain(first, rows):
            if row.problem:
                yield row
            else:
                yield RawRow({name: row.values[name] for name in columns}, found_in=place)


def _kind(path: Path) -> Callable[[Path], Iterator[RawRow]] | None:
    """What reads the file, by its first line; None if it is none of these."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
        first = next((line for line in iter(lambda: file.readline(SNIFFED_CHARACTERS), "") if line.strip()), "")
    if path.suffix.lower() == ".csv":
        cells = tuple(cell.strip().casefold() for cell in first.split("|"))
        return _piped_rows if cells == HEADER else None
    if TOKEN.match(first):
        return _token_rows
    return _comma_rows if first.strip().casefold() == ",".join(COLUMNS) else None


def _token_rows(path: Path) -> Iterator[RawRow]:
    for line in _lines(path):
        found = TOKEN.fullmatch(line)
        yield RawRow(dict(zip(COLUMNS, found.groups(), strict=True))) if found else RawRow({}, NO_HASH, line)


def _piped_rows(path: Path) -> Iterator[RawRow]:
    for line in islice(_lines(path), 1, None):
        cells = [cell.strip() for cell in line.split("|", 2)]
        if len(cells) == 3 and cells[1].isdecimal():
            yield RawRow({"image": cells[0], "caption": cells[2]})
        else:
            yield RawRow({}, NO_CELLS, line)


def _comma_rows(path: Path) -> Iterator[RawRow]:
    """As in any table; its header may be written in another case."""
    reader = DelimitedReader()
    names = reader.columns(path)
    for row in reader.rows(path, names):
        yield row if row.problem else RawRow({name: row.values[own] for name, own in zip(COLUMNS, names, strict=True)})


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="\n") as file:
        for line in file:
            if line.strip():
                yield line.rstrip("\r\n")
