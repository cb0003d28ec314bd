"""A run of hostile captions and file names with its images and table on disk, and decisions on it."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from engine.config import RunConfig
from engine.review import Decision, DecisionStore
from engine.review.exports import write_export
from engine.runs import FORMAT_VERSION, RunFolder, write_json, write_table

CAPTIONS = [
    "<script>alert(1)</script> <b>bold</b> **md** [x](javascript:alert(1))",
    '=HYPERLINK("http://x","y")',
    "+1",
    "-x",
    "@a",
    "\ttab first",
    "\nnew line first",
    "\r\nboth first",
    "a\rreturn inside",
    "'=quoted",
    "''=twice",
    'says "hi", twice; and \\ back',
    "\u202eright to left\u202c שלום \u200f\u2066x\u2069",
    "naïve – 猫 👩‍👩‍👧 e\u0301",
    "line\u2028separator\u2029paragraph\x85next\x0bvertical\x1cfile",
    "12.50",
    "NA",
    "null",
    "x" * 5_000,
    "{}[]{{curly}} $image",
]
NAMES = [
    "a b.png",
    "ü猫👍.png",
    "100%41 #1?x=1&y.png",
    "quote'\"x.png",
    "comma,semi;.png",
    "=1+1.png",
    "deep/er/a.b.c.png",
]
VERDICTS = {"p00": "relabel", "p01": "drop", "p02": "keep", "p03": "unsure", "p04": "relabel", "p05": "drop"}
NEW_CAPTIONS = {"p00": '=cmd|"x"\r\n\u2028<i>new</i>', "p04": "@\u202enew 👍"}
FINAL = {
    f"p{at:02d}": NEW_CAPTIONS.get(f"p{at:02d}", caption)
    for at, caption in enumerate(CAPTIONS)
    if VERDICTS.get(f"p{at:02d}") != "drop"
}
"""pair_id → caption after the decisions, dropped pairs out"""


@dataclass(frozen=True)
class Setting:
    """A run, its decisions, its table, and a folder."""

    run: RunFolder
    store: DecisionStore
    table: pd.DataFrame
    folder: Path

    def export(self, format: str, name: str, which: str | None = None, **options: str) -> Path:
        path = self.folder / name
        write_export(self.run, self.store, format, path, which, **options)
        return path


def hostile_table(folder: Path) -> pd.DataFrame:
    """Rows of a data set whose images lie in `folder`, each image its own color and width."""
    folder.mkdir(parents=True)
    rows = []
    for at, caption in enumerate(CAPTIONS):
        name = NAMES[at] if at < len(NAMES) else f"img-{at:02d}.png"
        path = folder / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8 + at, 6), (at, 2 * at, 3 * at)).save(path)
        split = ["train", "val", "test"][at % 3]
        rows.append({"pair_id": f"p{at:02d}", "image": f"images/{name}", "caption": caption, "split": split})
    return pd.DataFrame(rows).assign(label='a, "label"', note=lambda table: "note " + table["caption"])


def write_source(path: Path, table: pd.DataFrame) -> None:
    """The table as its owner would write it, by the means of other libraries."""
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_dict("records")), encoding="utf-8")
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pandas(table, preserve_index=False), path, row_group_size=7)
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",", quoting=csv.QUOTE_ALL)
            writer.writerow(table.columns)
            writer.writerows(table.itertuples(index=False))


def hostile_run(folder: Path, sources: dict[str, pd.DataFrame]) -> RunFolder:
    """A finished run whose pairs come from the tables `sources` (path → rows, as they lie on disk)."""
    folder.mkdir(parents=True)
    parts = [
        part.assign(source=source, images=str(Path(source).parent), row=range(1, len(part) + 1))
        for source, part in sources.items()
    ]
    pairs = pd.concat(parts, ignore_index=True)
    pairs["split"] = pairs["split"].replace("val", "validation")
    pairs = pairs.assign(pair_index=range(len(pairs)), width=range(8, 8 + len(pairs)), height=6)
    pairs = pairs.assign(content_hash="c", thumbnail="t.webp")
    write_table(folder / "pairs.parquet", pairs.drop(columns=["note"], errors="ignore"))
    train = pairs["pair_id"][pairs["split"] == "train"].tolist()
    numbers = ("influence", "influence_positive", "influence_negative", "relative_influence", "clip_score", "pair_loss")
    scores = pd.DataFrame({"pair_id": train, **dict.fromkeys(numbers, -0.125), "suspicion": 0.1 + 0.2})
    scores["suspicion_rank"] = range(len(train), 0, -1)
    write_table(folder / "scores.parquet", scores.assign(suggested_caption="-other"))
    (folder / "config.json").write_text(RunConfig(pairs="p.csv", model="hf:m").to_json())
    write_json(folder / "record.json", {"format_version": FORMAT_VERSION, "hashes": {"pairs": "abc"}})
    return RunFolder.open(folder)


def decided_store(place: Path) -> DecisionStore:
    """`VERDICTS`, and one on a pair of another data set."""
    store = DecisionStore.open(place)
    for pair_id, verdict in {**VERDICTS, "elsewhere": "drop"}.items():
        caption = NEW_CAPTIONS.get(pair_id)
        store.append([Decision(pair_id, verdict, "-ana", "2026-01-01T00:00:00", f"k-{pair_id}", caption)])
    return store


def provenance_of(path: Path) -> dict:
    return json.loads(path.with_name(path.name + ".provenance.json").read_text())
