"""COCO captions: images and annotations with whole numbers as ids."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from engine.review.exports.interface import Origin, Words, Written
from engine.review.exports.json_text import json_line
from engine.review.exports.rows import final_caption, records
from engine.runs import RunFolder


class CocoExport:
    """One file; several captions of one image file share its entry in `images`."""

    words = Words(
        "COCO captions",
        "One JSON file of images and captions, new captions in and dropped pairs out.",
        "Undecided, unsure and kept pairs stay with their own caption.",
        "Load it with pycocotools or any trainer that reads COCO captions; file names are relative to the data set.",
    )
    which = ("clean",)
    columns = ("pair_id", "image", "caption", "split", "width", "height", "images", "verdict", "new_caption")
    is_ranked = False

    def file_name(self, run: RunFolder) -> str:
        """captions.json."""
        return "captions.json"

    def write(self, chunks: Iterator[pd.DataFrame], path: Path, origin: Origin) -> Written:
        """Write images as they come and annotations beside them, then join both."""
        aside, ids, rows = path.with_name(path.name + "-annotations"), dict[str, int](), 0
        try:
            with path.open("w+", encoding="utf-8", newline="\n") as file:
                with aside.open("w", encoding="utf-8", newline="\n") as annotations:
                    file.write(f'{{"info": {json_line(_info(origin))}, "licenses": [], "images": [')
                    for chunk in chunks:
                        for record in records(chunk):
                            name = origin.images.relative(record["images"], record["image"])
                            if name not in ids:
                                size = {"width": record["width"], "height": record["height"]}
                                image = {"id": len(ids) + 1, "file_name": name, **size}
                                file.write((",\n" if ids else "\n") + json_line(image))
                                ids[name] = len(ids) + 1
                            caption = {"id": rows + 1, "image_id": ids[name], "caption": final_caption(record)}
                            caption |= {"pair_id": record["pair_id"], "split": record["split"]}
                            annotations.write((",\n" if rows else "\n") + json_line(caption))
                            rows += 1
                file.write('\n], "annotations": [')
                with aside.open(encoding="utf-8", newline="\n") as annotations:
                    shutil.copyfileobj(annotations, file)
                file.write("\n]}\n")
        finally:
            aside.unlink(missing_ok=True)
        return Written(rows, (f"File names are relative to {origin.images.folder}.",))


def _info(origin: Origin) -> dict[str, str]:
    return {
        "description": f"Captions of run {origin.run.run_id} after review",
        "version": origin.facts["ecif_version"],
        "date_created": origin.facts["created_at"],
    }
