"""The formats of pair tables. A new one is one new file and one line in `READERS`."""

from __future__ import annotations

from pathlib import Path

from engine.errors import PairsError
from engine.pairs.readers.class_folders import ClassFoldersReader
from engine.pairs.readers.clip_retrieval import ClipRetrievalReader
from engine.pairs.readers.coco import CocoReader
from engine.pairs.readers.delimited import DelimitedReader
from engine.pairs.readers.flickr import FlickrReader
from engine.pairs.readers.hf_datasets import HfDatasetsReader
from engine.pairs.readers.img2dataset import Img2datasetReader
from engine.pairs.readers.interface import RawRow, Reader
from engine.pairs.readers.jsonl import JsonLinesReader
from engine.pairs.readers.parquet import ParquetReader
from engine.pairs.readers.webdataset import WebDatasetReader

READERS: tuple[Reader, ...] = (
    FlickrReader(),
    DelimitedReader(),
    JsonLinesReader(),
    ParquetReader(),
    CocoReader(),
    WebDatasetReader(),
    HfDatasetsReader(),
    Img2datasetReader(),
    ClipRetrievalReader(),
    ClassFoldersReader(),
)
"""the first one that takes a path reads it"""


def reader_for(path: Path) -> Reader:
    """The reader of the table at `path`.

    Raises:
        PairsError: if there is nothing, a folder without a reader, an unknown format, or a path that is no text.
    """
    if any("\ud800" <= c <= "\udfff" for c in str(path)):  # pairs keep this path in files that hold only text
        raise PairsError("a path in valid UTF-8", str(path), "Rename the folder or file.")
    accepted = ", ".join(reader.accepts for reader in READERS)
    if not path.exists():
        raise PairsError("a table of pairs", f"no file at {path}", "Check the path.")
    reader = next((reader for reader in READERS if reader.takes(path)), None)
    if reader is None:
        got = f"the folder {path}" if path.is_dir() else f"{path}"
        fix = "Save the table in one of these formats."
        if path.is_dir():
            fix = f"Give the table inside it, or several by a pattern in quotation marks: '{path}/*.parquet'."
        raise PairsError(f"a table of pairs ({accepted})", got, fix)
    return reader


__all__ = ["READERS", "RawRow", "Reader", "reader_for"]
