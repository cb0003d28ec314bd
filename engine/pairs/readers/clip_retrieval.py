"""Folders of given features in the layout of clip-retrieval and LAION.

    img_emb/img_emb_0.npy    text_emb/text_emb_0.npy    metadata/metadata_0.parquet    …_1.…

Row r of the three files with the same number is one pair. Arrays are mapped into memory, never unpickled.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.errors import PairsError
from engine.pairs.columns import ACCEPTED
from engine.pairs.readers.interface import RawRow
from engine.pairs.readers.parquet import ParquetReader, num_rows

KINDS = {"image": ("img_emb", ".npy"), "text": ("text_emb", ".npy"), "metadata": ("metadata", ".parquet")}
"""what → folder (and beginning of the file names) and suffix"""
ROWS_AT_ONCE = 4096
NOT_FINITE = "The {} features contain NaN or infinity."
ALL_ZERO = "The {} features are all zero: they have no direction."


@dataclass(frozen=True)
class FeatureFiles:
    """Three files that belong together."""

    image: np.memmap
    """`[rows, image_dim]`, mapped"""
    text: np.memmap
    """`[rows, text_dim]`, mapped"""
    metadata: Path


def is_feature_folder(path: Path) -> bool:
    """Whether the folder has all three sub-folders of the layout."""
    return all((path / folder).is_dir() for folder, _ in KINDS.values())


def feature_files(folder: Path) -> list[FeatureFiles]:
    """The files of a folder by rising number.

    Raises:
        PairsError: if a file is absent, damaged or of another length or width than its companions.
    """
    found = {kind: _numbered(folder / name, name, suffix) for kind, (name, suffix) in KINDS.items()}
    numbers = sorted(set().union(*found.values()))
    for kind, files in found.items():
        absent = [str(number) for number in numbers if number not in files]
        if absent or not numbers:
            name, suffix = KINDS[kind]
            raise PairsError(
                f"{name}_N{suffix} for the same numbers N in img_emb, text_emb and metadata",
                f"no {kind} file for {', '.join(absent) or 'any number'} in {folder}",
                "Export the folder again.",
            )
    parts = [FeatureFiles(_mapped(found["image"][n]), _mapped(found["text"][n]), found["metadata"][n]) for n in numbers]
    for number, part in zip(numbers, parts, strict=True):
        counts = (len(part.image), len(part.text), num_rows(part.metadata))
        if len(set(counts)) > 1:
            raise PairsError(
                f"as many image features as text features and metadata rows in the files with number {number}",
                f"{counts[0]}, {counts[1]} and {counts[2]} in {folder}",
                "Export the folder again.",
            )
    for kind in ("image", "text"):
        widths = sorted({getattr(part, kind).shape[1] for part in parts})
        if len(widths) > 1:
            raise PairsError(f"{kind} features of one width", f"{widths} in {folder}", "Export the folder again.")
    return parts


class ClipRetrievalReader:
    """The metadata of a folder of features; a row whose features cannot be used is a row with a problem."""

    name = "features (clip-retrieval)"
    accepts = "a folder with img_emb, text_emb and metadata"

    def takes(self, path: Path) -> bool:
        """Whether the path is such a folder."""
        return path.is_dir() and is_feature_folder(path)

    def columns(self, path: Path) -> list[str]:
        """The columns of the first metadata file, and one for the image if there is none.

        Raises:
            PairsError: if a file is absent, damaged or of another length than its companions.
        """
        names = ParquetReader().columns(feature_files(path)[0].metadata)
        has_image = {name.strip().casefold() for name in names} & set(ACCEPTED["image"])
        return names if has_image else [*names, ACCEPTED["image"][0]]

    def rows(self, path: Path, columns: Sequence[str]) -> Iterator[RawRow]:
        """The rows of all metadata files, with the hash of the image features in place of the image's.

        Raises:
            PairsError: if a file is absent, damaged or of another length than its companions.
        """
        reader = ParquetReader()
        for part in feature_files(path):
            known = set(reader.columns(part.metadata))
            rows = reader.rows(part.metadata, [name for name in columns if name in known])
            for start in range(0, len(part.image), ROWS_AT_ONCE):
                image, text = (_loaded(one, start) for one in (part.image, part.text))
                image_faults, text_faults = _faults(image, "image"), _faults(text, "text")
                for at in range(len(image)):
                    row = next(rows)
                    problem = image_faults[at] or text_faults[at]
                    shown = " · ".join(str(cell) for cell in row.values.values() if cell is not None)
                    digest = hashlib.sha256(image[at].tobytes()).hexdigest()
                    yield RawRow(row.values, problem, shown if problem else "", digest)


def _numbered(folder: Path, name: str, suffix: str) -> dict[int, Path]:
    files = {file.stem.removeprefix(f"{name}_"): file for file in folder.glob(f"{name}_*{suffix}")}
    return {int(number): file for number, file in files.items() if number.isdecimal()}


def _mapped(path: Path) -> np.memmap:
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # a header is parsed as Python: strange ones raise anything at all
        raise PairsError("a readable .npy file of numbers", f"{path} ({error})", "Export the folder again.") from error
    if array.ndim != 2 or array.dtype.kind != "f" or not array.shape[1]:
        raise PairsError(
            "floating-point features [rows, width]", f"{array.dtype} {array.shape} in {path}", "Export them again."
        )
    return array


def _loaded(array: np.memmap, start: int) -> np.ndarray:
    """Some rows, read through a mapping of their own: what a mapping has read counts as memory for as long as it is."""
    return np.array(np.lib.format.open_memmap(array.filename, mode="r")[start : start + ROWS_AT_ONCE])


def _faults(rows: np.ndarray, kind: str) -> list[str | None]:
    """Why each row cannot be used; None where it can."""
    finite, zero = np.isfinite(rows).all(1), ~rows.any(1)
    return [
        NOT_FINITE.format(kind) if not is_finite else ALL_ZERO.format(kind) if is_zero else None
        for is_finite, is_zero in zip(finite, zero, strict=True)
    ]
