"""Every nasty thing that data sets hold, each with what must become of it.

Look at the files themselves with `PYTHONPATH=. python tests/hostile/corpus.py FOLDER`: one numbered folder per entry.
"""

from __future__ import annotations

import sys
from pathlib import Path

from expectations import Nasty
from nasty_features import NASTY_FEATURES
from nasty_pictures import NASTY_PICTURES
from nasty_rows import NASTY_ROWS
from nasty_shards import NASTY_SHARDS
from nasty_tables import NASTY_TABLES

CORPUS: list[Nasty] = [*NASTY_PICTURES, *NASTY_ROWS, *NASTY_TABLES, *NASTY_FEATURES, *NASTY_SHARDS]


def write_corpus(folder: Path, entries: list[Nasty] = CORPUS) -> None:
    """Write entries, each into a folder of its own, and a list of what they are."""
    lines = []
    for number, entry in enumerate(entries):
        inner = folder / f"{number:03d}" / "data"
        inner.mkdir(parents=True)
        lines.append(f"{number:03d}\t{entry.name}\t{Path(entry.write(inner)).name!r}\n")
    (folder / "entries.tsv").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    write_corpus(Path(sys.argv[1]))
