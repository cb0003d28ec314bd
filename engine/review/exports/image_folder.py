"""Hugging Face image folder: metadata.jsonl beside the images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from engine.review.exports.interface import Origin, Words, Written
from engine.review.exports.json_text import json_line
from engine.review.exports.rows import final_caption, records
from engine.runs import RunFolder


class ImageFolderExport:
    """One object per line: file_name, text, and what tells the pairs apart."""

    words = Words(
        "Hugging Face image folder",
        "A `metadata.jsonl` with `file_name` and `text` per pair, new captions in and dropped pairs out.",
        "Undecided, unsure and kept pairs stay with their own caption.",
        'Put it into the data set\'s folder, then `datasets.load_dataset("imagefolder", data_dir=…)`.',
    )
    which = ("clean",)
    columns = ("pair_id", "image", "caption", "label", "split", "images", "verdict", "new_caption")
    is_ranked = False

    def file_name(self, run: RunFolder) -> str:
        """The name that the loader looks for: metadata.jsonl."""
        return "metadata.jsonl"

    def write(self, chunks: Iterator[pd.DataFrame], path: Path, origin: Origin) -> Written:
        """Write one object per pair."""
        rows = 0
        with path.open("w", encoding="utf-8", newline="\n") as file:
            for chunk in chunks:
                for record in records(chunk):
                    name = origin.images.relative(record["images"], record["image"])
                    kept = {key: record[key] for key in ("pair_id", "label", "split")}
                    file.write(json_line({"file_name": name, "text": final_caption(record), **kept}) + "\n")
                rows += len(chunk)
        return Written(rows, (f"File names are relative to {origin.images.folder}.",))
