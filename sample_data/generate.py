"""Draw the sample data set: `python sample_data/generate.py --out DIR`. The same seed gives the same bytes."""

from __future__ import annotations

import argparse
import csv
import dataclasses
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from captions import TEMPLATES
from PIL import ImageChops, ImageEnhance
from planting import SEED, Record, plant
from scenes import render
from vocabulary import CLASSES, Scene

QUALITY = 80
"""of the WebP files, 0 to 100"""
KEPT_OF_UNREADABLE = 0.4
"""share of the bytes that the truncated file keeps"""


def image_bytes(record: Record, number: int = 0) -> bytes:
    """The WebP file of a record.

    Args:
        record: what to draw.
        number: chooses how a near duplicate differs: shifted, brighter or recompressed.
    """
    picture, quality = render(record.scene, record.image_seed), QUALITY
    if record.error_kind == "near_duplicate":
        if number % 3 == 0:
            picture = ImageChops.offset(picture, 1, 0)
        elif number % 3 == 1:
            picture = ImageEnhance.Brightness(picture).enhance(1.08)
        else:
            quality = 45
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=quality, method=6)
    data = buffer.getvalue()
    if record.error_kind == "unreadable_image":
        return data[: int(len(data) * KEPT_OF_UNREADABLE)]
    return data


def write_data_set(out: Path, records: list[Record]) -> None:
    """Write images/, pairs.csv, ground_truth.csv, scenes.csv, classes.txt and templates.txt.

    Args:
        out: the folder; made where it is missing.
        records: what `plant` gives.
    """
    (out / "images").mkdir(parents=True, exist_ok=True)
    for number, record in enumerate(records):
        (out / image_path(record)).write_bytes(image_bytes(record, number))
    _write_table(
        out / "pairs.csv",
        ("pair_id", "image", "caption", "label", "split"),
        ((r.pair_id, image_path(r), r.caption, r.label, r.split) for r in records),
    )
    _write_table(
        out / "ground_truth.csv",
        ("pair_id", "error_kind", "true_caption", "true_label", "confusion", "duplicate_of"),
        _truth_rows(records),
    )
    _write_table(
        out / "scenes.csv",
        ("pair_id", *(field.name for field in dataclasses.fields(Scene))),
        ((r.pair_id, *dataclasses.astuple(r.scene)) for r in records),
    )
    (out / "classes.txt").write_text("\n".join(CLASSES) + "\n", encoding="utf-8")
    (out / "templates.txt").write_text("\n".join(TEMPLATES) + "\n", encoding="utf-8")


def image_path(record: Record) -> str:
    """Path of the picture, relative to the table."""
    return f"images/{record.pair_id}.webp"


def _truth_rows(records: list[Record]) -> Iterator[tuple[str, ...]]:
    for r in records:
        if r.error_kind:
            original = r.copy_of.pair_id if r.copy_of else ""
            yield r.pair_id, r.error_kind, r.true_caption, r.scene.kind, r.confusion, original


def _write_table(path: Path, header: tuple[str, ...], rows: Iterable[tuple]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def main() -> None:
    """Read the command line and write the data set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent, help="where to write")
    parser.add_argument("--seed", type=int, default=SEED, help="of everything that is drawn by lot")
    options = parser.parse_args()
    records = plant(options.seed)
    write_data_set(options.out, records)
    for kind, count in sorted(Counter(r.error_kind or "nothing planted" for r in records).items()):
        print(f"{count:5d}  {kind}")


if __name__ == "__main__":
    main()
